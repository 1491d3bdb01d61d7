#pragma once

#include <string>
#include <string_view>

namespace tepui {

/// `text` with a to z in upper case; all else stays, whatever the locale.
inline std::string upper_case(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
}

}  // namespace tepui
