#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "containerizer/cgroups/files.h"

namespace tepui::containerizer::cgroups {

/// The number that `text` begins with; none when it begins with another word ("max", "-1").
inline std::optional<std::uint64_t> leading_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

/// Of a control file that holds one number.
inline std::optional<std::uint64_t> read_number(const std::string& path) {
    return leading_number(read_file(path));
}

/// Of a control file with lines of "key number".
inline std::map<std::string, std::uint64_t> read_table(const std::string& path) {
    std::map<std::string, std::uint64_t> values;
    std::istringstream lines(read_file(path));
    std::string key;
    for (std::uint64_t value = 0; lines >> key >> value;) values[key] = value;
    return values;
}

}  // namespace tepui::containerizer::cgroups
