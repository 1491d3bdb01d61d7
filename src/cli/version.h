#pragma once

#include <string_view>

namespace tepui::cli {

/// Of this product; the project() line of CMakeLists.txt says the same.
inline constexpr std::string_view tepui_version = "0.1.0";
/// The Apache Mesos release whose API is spoken; clients read it from GET /version.
inline constexpr std::string_view mesos_api_version = "1.12.0";

}  // namespace tepui::cli
