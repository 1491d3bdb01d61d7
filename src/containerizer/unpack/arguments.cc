#include "containerizer/unpack/arguments.h"

#include <charconv>

namespace tepui::containerizer::unpack {
namespace {

template <typename Number>
bool read_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

/// What is before the next `separator`, which is taken from `text` too.
std::string_view next(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

constexpr std::size_t k_arguments = 10;

}  // namespace

std::vector<std::string> write_arguments(const Arguments& arguments) {
    std::string groups;
    for (const gid_t group : arguments.as.groups)
        groups += (groups.empty() ? "" : ",") + std::to_string(group);
    const Limits& limits = arguments.limits;
    return {"tepui-unpack",
            std::to_string(static_cast<int>(arguments.kind)),
            std::to_string(arguments.as.uid),
            std::to_string(arguments.as.gid),
            groups,
            std::to_string(limits.bytes_max),
            std::to_string(limits.entries_max),
            std::to_string(limits.ratio_max),
            std::to_string(limits.ratio_free_bytes),
            arguments.output};
}

Result<Arguments> read_arguments(const std::vector<std::string>& argv) {
    Arguments arguments;
    Limits& limits = arguments.limits;
    int kind = 0;
    if (argv.size() != k_arguments || !read_number(argv[1], kind) || kind < 0 ||
        kind > static_cast<int>(Kind::gzip) || !read_number(argv[2], arguments.as.uid) ||
        !read_number(argv[3], arguments.as.gid) || !read_number(argv[5], limits.bytes_max) ||
        !read_number(argv[6], limits.entries_max) || !read_number(argv[7], limits.ratio_max) ||
        !read_number(argv[8], limits.ratio_free_bytes))
        return fail(Errc::invalid_argument, "this program is for the agent alone to start");
    arguments.kind = static_cast<Kind>(kind);
    arguments.output = argv[9];
    for (std::string_view groups = argv[4]; !groups.empty();)
        if (!read_number(next(groups, ','), arguments.as.groups.emplace_back()))
            return fail(Errc::invalid_argument, "'{}' are no groups", argv[4]);
    return arguments;
}

std::string write_answer(const Result<Unpacked>& answer) {
    if (answer) return fmt::format("ok {} {}", answer->bytes, answer->entries);
    return fmt::format("error {} {}", static_cast<int>(answer.error().code), answer.error().text);
}

Result<Unpacked> read_answer(const std::string& text) {
    std::string_view rest = text;
    const std::string_view word = next(rest, ' ');
    Unpacked unpacked;
    if (word == "ok" && read_number(next(rest, ' '), unpacked.bytes) &&
        read_number(rest, unpacked.entries))
        return unpacked;
    int code = 0;
    if (word == "error" && read_number(next(rest, ' '), code) && code >= 0 &&
        code <= static_cast<int>(Errc::internal))
        return std::unexpected(Error{static_cast<Errc>(code), std::string(rest)});
    return fail(Errc::corrupt, "the unpacker ended without an answer");
}

}  // namespace tepui::containerizer::unpack
