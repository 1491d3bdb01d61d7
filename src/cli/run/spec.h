#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/quantity.h"
#include "base/time.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::cli {

/// Scalar resources one instance needs, by name; amounts are positive. Memory and disk count in MB.
/// A certain port of the machine is a need, too, by the name that port_need() gives it.
using Needs = std::vector<std::pair<std::string, Quantity>>;

/// What `tepui run` was asked to run.
struct RunSpec {
    std::string name;
    std::string role = "*";
    std::string user;      // Of the framework and the task.
    std::string hostname;  // Of this machine, for people who look at the framework.
    mesos::v1::CommandInfo command;
    std::optional<mesos::v1::ContainerInfo> container;
    std::optional<mesos::v1::HealthCheck> health_check;
    Needs needs;
    std::size_t instances = 1;
    std::optional<Duration> timeout;  // From the start; the tasks are killed then.
    std::string id;                   // Unique; task ids are "ID.INSTANCE".
};

}  // namespace tepui::cli
