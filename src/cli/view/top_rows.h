#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/output/json_value.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// What a container used so far.
struct ContainerUsage {
    double cpu_seconds = 0;
    double memory_bytes = 0;
    double timestamp = 0;  // Seconds since the epoch.
};
/// By framework and executor id.
using AgentUsage = std::map<std::pair<std::string, std::string>, ContainerUsage>;

/// Reads an agent's /monitor/statistics.
AgentUsage read_usage(const JsonValue& statistics);

/// What `top` knows: two looks at each agent that answered, by agent id.
struct TopView {
    mesos::v1::master::Response agents;
    mesos::v1::master::Response frameworks;
    mesos::v1::master::Response tasks;
    std::map<std::string, AgentUsage> before;
    std::map<std::string, AgentUsage> now;
};

/// Tables of agents and frameworks with what their containers use and what is allocated to them,
/// the greatest first. `sort` is "cpu", "mem" or "name". CPUs in use are the mean between the two
/// looks; a container that came between them counts with its next. Pure.
std::string render_top(const TopView& view, const std::string& sort, bool color);

}  // namespace tepui::cli
