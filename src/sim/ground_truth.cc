#include "sim/ground_truth.h"

#include <fmt/format.h>

namespace tepui::sim {

bool is_terminal(mesos::v1::TaskState state) {
    switch (state) {
        case mesos::v1::TASK_FINISHED:
        case mesos::v1::TASK_FAILED:
        case mesos::v1::TASK_KILLED:
        case mesos::v1::TASK_LOST:
        case mesos::v1::TASK_ERROR:
        case mesos::v1::TASK_DROPPED:
        case mesos::v1::TASK_GONE:
        case mesos::v1::TASK_GONE_BY_OPERATOR: return true;
        default: return false;
    }
}

void GroundTruth::launch_asked(const TaskKey& task) { asked_.insert(task); }

void GroundTruth::process_started(const TaskKey& task) {
    ++starts_;
    if (++started_[task] > 1) breach(fmt::format("I3: {} of {} started twice", task.second, task.first));
    if (!asked_.contains(task)) breach(fmt::format("I3: {} of {} started though nobody launched it", task.second, task.first));
}

void GroundTruth::told(const TaskKey& task, mesos::v1::TaskState state, bool lost_is_final) {
    const auto ended = terminal_.find(task);
    if (ended != terminal_.end() && !is_terminal(state) && state != mesos::v1::TASK_UNKNOWN) {
        if (lost_is_final || ended->second != mesos::v1::TASK_LOST) {
            breach(fmt::format("I5: {} of {} went from {} to {}", task.second, task.first,
                               mesos::v1::TaskState_Name(ended->second), mesos::v1::TaskState_Name(state)));
        }
    }
    if (is_terminal(state)) terminal_.insert_or_assign(task, state);
}

}  // namespace tepui::sim
