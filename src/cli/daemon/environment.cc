#include "cli/daemon/environment.h"

#include <simdjson.h>

namespace tepui::cli {

namespace {

bool is_name(std::string_view name) {
    return !name.empty() && name.find('=') == std::string_view::npos &&
           name.find('\0') == std::string_view::npos;
}

}  // namespace

Result<std::map<std::string, std::string>> parse_environment(std::string_view json) {
    std::map<std::string, std::string> variables;
    if (json.empty()) return variables;
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    const simdjson::padded_string padded(json);
    if (parser.parse(padded).get(object) != simdjson::SUCCESS) {
        return fail(Errc::invalid_argument,
                    "it is not a JSON object such as {{\"PATH\": \"/bin\"}}");
    }
    for (const auto& [name, value] : object) {
        std::string_view text;
        if (value.get(text) != simdjson::SUCCESS || text.find('\0') != std::string_view::npos) {
            return fail(Errc::invalid_argument, "the value of '{}' is not a text", name);
        }
        if (!is_name(name)) {
            return fail(Errc::invalid_argument, "'{}' is not the name of a variable", name);
        }
        variables.insert_or_assign(std::string(name), std::string(text));
    }
    return variables;
}

Result<void> check_environment(std::string_view json) {
    const auto variables = parse_environment(json);
    if (!variables) return std::unexpected(variables.error());
    return {};
}

}  // namespace tepui::cli
