#pragma once

#include <cstddef>
#include <string>

namespace tepui::agent {

/// One value of the checkpoint store holds at most 1 MiB (coord::Store); the rest is our framing.
constexpr std::size_t task_bytes_max = (std::size_t{1} << 20) - 4096;

/// Ids become names of directories.
inline bool is_file_name(const std::string& id) {
    return !id.empty() && id.size() <= 255 && id != "." && id != ".." &&
           id.find('/') == std::string::npos && id.find('\0') == std::string::npos;
}

}  // namespace tepui::agent
