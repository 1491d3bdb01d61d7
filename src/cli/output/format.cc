#include "cli/output/format.h"

#include <utility>

#include "cli/output/yaml.h"

namespace tepui::cli {

Result<OutputFormat> OutputFormat::parse(std::string_view text) {
    using Kind = OutputFormat::Kind;
    constexpr std::string_view template_prefix = "jsonpath=";
    OutputFormat format;
    if (text.starts_with(template_prefix)) {
        format.kind = Kind::jsonpath;
        format.path = TEPUI_TRY(JsonPath::parse(text.substr(template_prefix.size())));
        return format;
    }
    for (const auto& [name, kind] : {std::pair{"table", Kind::table},
                                     {"wide", Kind::wide},
                                     {"json", Kind::json},
                                     {"yaml", Kind::yaml},
                                     {"name", Kind::name}}) {
        if (text != name) continue;
        format.kind = kind;
        return format;
    }
    return fail(Errc::invalid_argument,
                "'{}' is none of table, wide, json, yaml, name and jsonpath=TEMPLATE", text);
}

Flag output_flag() {
    Flag flag;
    flag.name = "output";
    flag.letter = 'o';
    flag.value_name = "FORMAT";
    flag.fallback = "table";
    flag.help =
        "table, wide (more columns), json, yaml, name (ids only), or jsonpath=TEMPLATE as kubectl "
        "knows it, for instance jsonpath='{range [*]}{.task_id.value}{\"\\n\"}{end}'.";
    flag.offers = {"table", "wide", "json", "yaml", "name", "jsonpath="};
    flag.check = [](std::string_view text) -> Result<void> {
        TEPUI_TRY(OutputFormat::parse(text));
        return {};
    };
    return flag;
}

Result<std::string> format_json(const OutputFormat& format, const std::string& json) {
    if (format.kind == OutputFormat::Kind::json) return json + '\n';
    const JsonValue value = TEPUI_TRY(parse_json(json));
    if (format.kind == OutputFormat::Kind::yaml) return to_yaml(value);
    std::string text = format.path.evaluate(value);
    if (!text.ends_with('\n')) text += '\n';
    return text;
}

}  // namespace tepui::cli
