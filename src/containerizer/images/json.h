#pragma once

#include <simdjson.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer::images {

/// For source files only: reads of JSON from outside, which is mostly there and mostly right.
class Json {
public:
    /// Fails with corrupt when `text` is no JSON object or has more than `bytes_max` bytes.
    static Result<Json> parse(std::string_view text,
                              std::size_t bytes_max = std::size_t{16} << 20) {
        Json json;
        simdjson::dom::element element;
        if (text.size() > bytes_max) return fail(Errc::too_large, "it is too large");
        if (json.parser_->parse(text.data(), text.size()).get(element) != simdjson::SUCCESS ||
            (!element.is_object() && !element.is_array()))
            return fail(Errc::corrupt, "it is no JSON");
        json.root_ = element;
        return json;
    }
    simdjson::dom::element root() const { return root_; }

private:
    // Elements point into it, wherever this object moves.
    std::unique_ptr<simdjson::dom::parser> parser_ = std::make_unique<simdjson::dom::parser>();
    simdjson::dom::element root_;
};

/// The text at `key`, or "" when there is none.
inline std::string text_at(simdjson::dom::element object, std::string_view key) {
    std::string_view text;
    if (object[key].get(text) != simdjson::SUCCESS) return {};
    return std::string(text);
}

inline std::uint64_t number_at(simdjson::dom::element object, std::string_view key,
                               std::uint64_t otherwise = 0) {
    std::uint64_t number = 0;
    return object[key].get(number) == simdjson::SUCCESS ? number : otherwise;
}

/// The texts in the list at `key`; others in it are left out.
inline std::vector<std::string> texts_at(simdjson::dom::element object, std::string_view key) {
    std::vector<std::string> texts;
    simdjson::dom::array list;
    if (object[key].get(list) != simdjson::SUCCESS) return texts;
    for (const simdjson::dom::element each : list) {
        std::string_view text;
        if (each.get(text) == simdjson::SUCCESS) texts.emplace_back(text);
    }
    return texts;
}

/// The keys of the object at `key`.
inline std::vector<std::string> keys_at(simdjson::dom::element object, std::string_view key) {
    std::vector<std::string> keys;
    simdjson::dom::object found;
    if (object[key].get(found) != simdjson::SUCCESS) return keys;
    for (const auto field : found) keys.emplace_back(field.key);
    return keys;
}

}  // namespace tepui::containerizer::images
