#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tepui::containerizer {

/// The path that the first `count` of `parts` (as of clean_path()) name: "a/b"; "." for none.
inline std::string join(const std::vector<std::string>& parts, std::size_t count) {
    std::string path;
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) path += '/';
        path += parts[i];
    }
    return path.empty() ? "." : path;
}

}  // namespace tepui::containerizer
