#include "cli/flags/config_file.h"

namespace tepui::cli {

namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

Result<std::vector<ConfigLine>> parse_config(std::string_view text) {
    std::vector<ConfigLine> lines;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view whole = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), whole.size() + 1));
        const std::string_view line = trimmed(whole);
        if (line.empty() || line.front() == '#') continue;
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) {
            return fail(Errc::invalid_argument, "line {}: '{}' is not of the form FLAG = VALUE",
                        number, line);
        }
        const std::string_view name = trimmed(line.substr(0, equals));
        if (name.empty() || name.front() == '-') {
            return fail(Errc::invalid_argument,
                        "line {}: '{}' is not the name of a flag: names have no dashes before them "
                        "here",
                        number, name);
        }
        lines.push_back({number, std::string(name), std::string(trimmed(line.substr(equals + 1)))});
    }
    return lines;
}

}  // namespace tepui::cli
