#pragma once

#include <string>

namespace tepui::daemon {

/// The body of /system/stats.json: load averages, processors, memory in bytes.
std::string machine_stats_json();

}  // namespace tepui::daemon
