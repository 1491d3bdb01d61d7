#include "master/snapshot/json_shape_testing.h"

#include <fstream>

#include <gtest/gtest.h>
#include <simdjson.h>

namespace tepui::master {
namespace {

void collect(const simdjson::dom::element& element, const std::string& path,
             const std::vector<std::string>& maps, JsonShape& shape) {
    using simdjson::dom::element_type;
    switch (element.type()) {
        case element_type::OBJECT: {
            shape[path].insert("object");
            const bool is_map = std::any_of(maps.begin(), maps.end(), [&](const std::string& map) {
                return path.ends_with(map);
            });
            for (const auto& field : simdjson::dom::object(element)) {
                const std::string key = is_map ? "*" : std::string(field.key);
                collect(field.value, path.empty() ? key : path + "." + key, maps, shape);
            }
            return;
        }
        case element_type::ARRAY:
            shape[path].insert("array");
            for (const auto& item : simdjson::dom::array(element))
                collect(item, path + "[]", maps, shape);
            return;
        case element_type::STRING: shape[path].insert("string"); return;
        case element_type::BOOL: shape[path].insert("bool"); return;
        case element_type::DOUBLE: shape[path].insert("double"); return;
        case element_type::NULL_VALUE: shape[path].insert("null"); return;
        default: shape[path].insert("int"); return;
    }
}

}  // namespace

JsonShape shape_of(std::string_view json, const std::vector<std::string>& maps) {
    JsonShape shape;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const simdjson::padded_string padded(json);
    const auto error = parser.parse(padded).get(root);
    EXPECT_EQ(error, simdjson::SUCCESS) << json.substr(0, 200);
    if (error == simdjson::SUCCESS) collect(root, "", maps, shape);
    return shape;
}

std::map<std::string, std::string> read_recordings(const std::string& file) {
    std::map<std::string, std::string> recordings;
    std::ifstream input(file);
    EXPECT_TRUE(input) << file;
    simdjson::dom::parser parser;
    for (std::string line; std::getline(input, line);) {
        simdjson::dom::element root;
        if (parser.parse(line).get(root) != simdjson::SUCCESS) {
            ADD_FAILURE() << file << ": " << line.substr(0, 80);
            continue;
        }
        std::string_view name;
        simdjson::dom::element body = root;
        if (root["path"].get(name) == simdjson::SUCCESS) {
            body = root["body"];
        } else {
            EXPECT_EQ(root["type"].get(name), simdjson::SUCCESS);
        }
        recordings[std::string(name)] = simdjson::minify(body);
    }
    return recordings;
}

std::vector<std::string> differences(const JsonShape& recorded, const JsonShape& ours,
                                     const std::vector<std::string>& allowed) {
    const auto is_allowed = [&](const std::string& path) {
        return std::any_of(allowed.begin(), allowed.end(),
                           [&](const std::string& prefix) { return path.starts_with(prefix); });
    };
    std::vector<std::string> lines;
    for (const auto& [path, types] : recorded) {
        if (is_allowed(path)) continue;
        const auto it = ours.find(path);
        if (it == ours.end()) {
            lines.push_back("missing: " + path);
        } else if (it->second != types) {
            lines.push_back(fmt::format("type of {}: recorded {}, ours {}", path,
                                        fmt::join(types, "/"), fmt::join(it->second, "/")));
        }
    }
    for (const auto& [path, types] : ours) {
        if (!recorded.contains(path) && !is_allowed(path)) lines.push_back("not recorded: " + path);
    }
    return lines;
}

}  // namespace tepui::master
