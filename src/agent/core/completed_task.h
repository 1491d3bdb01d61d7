#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// A task whose last update was acknowledged, for the state endpoints.
struct CompletedTask {
    mesos::v1::TaskInfo info;
    ContainerId container;
    std::string sandbox;
    mesos::v1::TaskState state = mesos::v1::TASK_STAGING;
    std::vector<mesos::v1::TaskStatus> statuses;
};

}  // namespace tepui::agent
