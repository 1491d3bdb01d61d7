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
constexpr std::size_t k_answer_fields = 6;  // Before the opaque directories.

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
        kind > static_cast<int>(Kind::layer) || !read_number(argv[2], arguments.as.uid) ||
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
    std::string bytes;
    const auto field = [&](std::string_view text) { bytes.append(text).push_back('\0'); };
    if (!answer) {
        field("error");
        field(std::to_string(static_cast<int>(answer.error().code)));
        field(answer.error().text);
        return bytes;
    }
    field("ok");
    for (const std::uint64_t number :
         {answer->bytes, answer->entries, answer->skipped, answer->opaque.size()})
        field(std::to_string(number));
    field(answer->sha256);
    for (const std::string& path : answer->opaque) field(path);
    return bytes;
}

Result<Unpacked> read_answer(const std::string& text) {
    std::vector<std::string> fields;
    for (std::string_view rest = text; rest.find('\0') != std::string_view::npos;)
        fields.emplace_back(next(rest, '\0'));
    int code = 0;
    if (fields.size() == 3 && fields[0] == "error" && read_number(fields[1], code) && code >= 0 &&
        code <= static_cast<int>(Errc::internal))
        return std::unexpected(Error{static_cast<Errc>(code), fields[2]});
    Unpacked unpacked;
    std::uint64_t opaque = 0;
    if (fields.size() < k_answer_fields || fields[0] != "ok" ||
        !read_number(fields[1], unpacked.bytes) || !read_number(fields[2], unpacked.entries) ||
        !read_number(fields[3], unpacked.skipped) || !read_number(fields[4], opaque) ||
        opaque != fields.size() - k_answer_fields)
        return fail(Errc::corrupt, "the unpacker ended without an answer");
    unpacked.sha256 = fields[5];
    unpacked.opaque.assign(fields.begin() + k_answer_fields, fields.end());
    return unpacked;
}

}  // namespace tepui::containerizer::unpack
