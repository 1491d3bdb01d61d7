#pragma once

#include <map>
#include <string>

#include "agent/core/state.h"
#include "agent/routes/backend.h"

namespace tepui::agent {

/// Adds the executors' and messages' numbers, under Mesos' names. A command task is an executor of
/// its own.
void add_executor_metrics(std::map<std::string, double>& metrics, const State& state);

/// All numbers of an agent: the core's and those that others of its parts count. On the loop.
std::map<std::string, double> all_metrics(const Backend& backend, const State& state);

}  // namespace tepui::agent
