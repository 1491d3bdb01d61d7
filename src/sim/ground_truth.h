#pragma once

#include <cstdint>
#include <functional>
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
using ExecutorKey = std::pair<FrameworkId, ExecutorId>;

/// Where a task with an executor was sent.
struct Placement {
    AgentId agent;
    ExecutorId executor;
    int group = 0;  // Of a pod: tasks of one number live and die together. 0: no pod's.
    bool operator==(const Placement&) const = default;
};

/// What really happened, as only the simulator knows it, and which invariants it broke. Numbers are
/// those of the reliability rules: I3 starts at most once and only what was launched; I5 terminal
/// is final; I6 nothing runs without an owner.
class GroundTruth {
public:
    /// A framework sent a launch of that task; `placement` for one with an executor.
    void launch_asked(const TaskKey& task, std::optional<Placement> placement = std::nullopt);
    /// A process of that task began to run on a machine.
    void process_started(const TaskKey& task);
    void launch_failed(const TaskKey& task) { lives_[task].launch_failed = true; }
    /// It ended with that wait(2) status, which the machine keeps until the agent asks.
    void process_ended(const TaskKey& task, std::int32_t status) { lives_[task].status = status; }
    /// The machine was booted: the process is gone, and how it ended may be forgotten.
    void machine_lost(const TaskKey& task) { lives_[task].machine_lost = true; }
    /// An agent's process died: what it was about to launch may never be.
    void agent_died(const AgentId& agent);
    /// A framework sent a kill of it.
    void kill_asked(const TaskKey& task) { lives_[task].kill_asked = true; }
    /// The master had it killed for a role of a higher band.
    void displaced(const TaskKey& task) {
        lives_[task].kill_asked = true;
        lives_[task].displaced = true;
    }
    /// The agent has stored how a task of an executor ended.
    void settled(const TaskKey& task) { lives_[task].settled = true; }
    /// An executor's container is gone, or never came to be: its tasks of until now that are not
    /// settled may fail with it.
    void executor_ended(const ExecutorKey& executor, const AgentId& agent);
    /// A framework asked for the end of an executor.
    void shutdown_asked(const ExecutorKey& executor, const AgentId& agent);
    /// An executor was told to end by its agent, which kills its tasks.
    void told_to_end(const ExecutorKey& executor, const AgentId& agent);
    /// A framework was told a state. `lost_is_final`: whether TASK_LOST can only mean the task's
    /// end (to others it also means "lost from sight").
    void told(const TaskKey& task, const mesos::v1::TaskStatus& status, bool lost_is_final);
    /// Whether `state` can be what a framework believes of the task in the end.
    bool fits_the_end(const TaskKey& task, mesos::v1::TaskState state) const;
    /// Of those that ran: how they ended, for people.
    std::string end_of(const TaskKey& task) const;
    /// An operator wants the machine out of use: its agent may be made to end.
    void asked_to_leave(const std::string& machine) { leaving_.insert(machine); }
    bool was_asked_to_leave(const std::string& machine) const { return leaving_.contains(machine); }
    /// Its agent was sent away while it ran. Why it ends may be forgotten when the agent dies, too.
    void sent_away(const TaskKey& task) { lives_[task].sent_away = true; }
    /// The agent was removed by an operator: how what it ran ended nobody can tell from then on.
    void dismissed(const AgentId& agent) { dismissed_.insert(agent); }
    bool was_dismissed(const AgentId& agent) const { return dismissed_.contains(agent); }
    /// An operator marked the agent gone, or wanted it drained to be marked so.
    void called_gone(const AgentId& agent) { gone_.insert(agent); }
    bool was_called_gone(const AgentId& agent) const { return gone_.contains(agent); }
    void breach(std::string what) { breaches_.push_back(std::move(what)); }

    const std::vector<std::string>& breaches() const { return breaches_; }
    int starts() const { return starts_; }
    bool started(const TaskKey& task) const;
    /// Tasks that were killed before they ran.
    int called_off() const;
    const std::set<TaskKey>& asked() const { return asked_; }

private:
    struct Life {
        int starts = 0;
        std::optional<std::int32_t> status;
        bool launch_failed = false;
        bool machine_lost = false;
        bool agent_died = false;  // Before it ran.
        bool kill_asked = false;
        bool sent_away = false;
        bool displaced = false;
        std::optional<Placement> placement;
        bool settled = false;
        bool executor_ended = false;
        // Of updates with a uuid, which come from the agent and in order.
        std::string last_uuid;
        std::set<std::string> uuids;
        int rank = 0;
    };
    void check_order(const TaskKey& task, const mesos::v1::TaskStatus& status);
    /// Whether what happened can be reported so, by what is known until now.
    bool fits(const TaskKey& task, const Life& life, mesos::v1::TaskState state) const;
    /// Whether another task of its group ended so that all have to.
    bool sibling_ended(const TaskKey& task, const Life& life) const;
    /// Its framework shut its executor down, perhaps before that one was launched.
    bool unlaunched_by_request(const TaskKey& task, const Life& life) const;
    void each_placed(const ExecutorKey& executor, const AgentId& agent,
                     const std::function<void(Life&)>& visit);

    std::set<TaskKey> asked_;
    std::set<std::pair<ExecutorKey, AgentId>> shutdowns_;
    std::set<std::string> leaving_;
    std::set<AgentId> dismissed_;
    std::set<AgentId> gone_;
    std::map<TaskKey, Life> lives_;
    std::map<TaskKey, mesos::v1::TaskState> terminal_;
    std::vector<std::string> breaches_;
    int starts_ = 0;
};

}  // namespace tepui::sim
