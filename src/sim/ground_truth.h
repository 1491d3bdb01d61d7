#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::sim {

using TaskKey = std::pair<FrameworkId, TaskId>;

/// What really happened, as only the simulator knows it, and which invariants it broke. Numbers are
/// those of the reliability rules: I3 starts at most once and only what was launched; I5 terminal is
/// final; I6 nothing runs without an owner.
class GroundTruth {
public:
    /// A framework sent a launch of that task.
    void launch_asked(const TaskKey& task);
    /// A process of that task began to run on a machine.
    void process_started(const TaskKey& task);
    /// A framework was told a state. `lost_is_final`: whether TASK_LOST can only mean the task's end (to others it also
    /// means "lost from sight").
    void told(const TaskKey& task, mesos::v1::TaskState state, bool lost_is_final);
    void breach(std::string what) { breaches_.push_back(std::move(what)); }

    const std::vector<std::string>& breaches() const { return breaches_; }
    int starts() const { return starts_; }
    const std::set<TaskKey>& asked() const { return asked_; }

private:
    std::set<TaskKey> asked_;
    std::map<TaskKey, int> started_;
    std::map<TaskKey, mesos::v1::TaskState> terminal_;
    std::vector<std::string> breaches_;
    int starts_ = 0;
};

/// Whether no other state follows for a partition-aware framework.
bool is_terminal(mesos::v1::TaskState state);

}  // namespace tepui::sim
