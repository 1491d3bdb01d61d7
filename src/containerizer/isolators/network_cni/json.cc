#include "containerizer/isolators/network_cni/json.h"

#include <simdjson.h>

#include <algorithm>

#include "wire/json_writer.h"

namespace tepui::containerizer::cni {

Result<std::string> with_fields(std::string_view object, const std::vector<JsonField>& fields) {
    simdjson::dom::parser parser;
    simdjson::dom::object parsed;
    if (parser.parse(object.data(), object.size()).get(parsed) != simdjson::SUCCESS)
        return fail(Errc::corrupt, "it is no JSON object");
    std::string text;
    wire::JsonWriter json(text);
    json.begin_object();
    for (const auto& field : parsed) {
        const auto same = [&](const JsonField& each) { return each.first == field.key; };
        if (std::ranges::any_of(fields, same)) continue;
        json.key(field.key).raw(simdjson::minify(field.value));
    }
    for (const auto& [name, value] : fields) json.key(name).raw(value);
    json.end_object();
    return text;
}

std::string json_text(std::string_view text) {
    std::string quoted;
    wire::append_json_string(quoted, text);
    return quoted;
}

}  // namespace tepui::containerizer::cni
