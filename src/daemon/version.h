#pragma once

#include <string_view>

namespace tepui::daemon {

/// What the wire calls the version: the Apache Mesos release whose API is served. Without a suffix,
/// because clients read every part between the dots as a number.
inline constexpr std::string_view api_version = "1.12.0";
/// This product's own name and version, for logs and people; the project() line of CMakeLists.txt
/// says the same.
inline constexpr std::string_view product_name = "Tepui";
inline constexpr std::string_view product_version = "0.1.0";

/// Of this release, not of the compiler's run: the same sources give the same binary.
inline constexpr std::string_view build_date = "2026-11-22 00:00:00 UTC";
inline constexpr double build_time = 1795305600;  // The same in seconds since the epoch.

}  // namespace tepui::daemon
