#pragma once

#include <chrono>
#include <string>

namespace tepui::containerizer::cgroups {

/// Kills every process in the cgroup `directory` and those nested in it, waits for their ends and
/// removes the directories. True when `directory` is gone (or never was), false after `patience`.
bool destroy_tree(const std::string& directory, std::chrono::milliseconds patience);

}  // namespace tepui::containerizer::cgroups
