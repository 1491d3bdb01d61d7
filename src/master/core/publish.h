#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "mesos/v1/mesos.pb.h"
#include "resources/resources.h"

// What operators are told of as it happens: the events of the operator API's SUBSCRIBE. The core
// notes them in the order in which they became so, while somebody listens
// (Core::publish_events()); the shell takes them after each batch with take_published().
namespace tepui::master {

struct Agent;
struct Framework;
struct State;
class TaskRecord;
struct Turn;

/// A task was launched, or came back with its agent.
struct TaskAdded {
    std::shared_ptr<const mesos::v1::Task> task;
};

/// A status that was not told before. `state` is the newest that is known of the task; the status
/// may be older. Without the status' data.
struct TaskUpdated {
    FrameworkId framework;
    std::string role;  // The one its resources are allocated to.
    std::shared_ptr<const mesos::v1::TaskStatus> status;
    mesos::v1::TaskState state;
};

/// An agent registered that was not registered with this master before.
struct AgentAdded {
    std::shared_ptr<const Agent> agent;  // As it was then.
};

struct AgentRemoved {
    AgentId agent;
};

/// A framework as it was then.
struct FrameworkView {
    std::shared_ptr<const mesos::v1::FrameworkInfo> info;
    std::set<std::string> roles;
    bool active = false;
    bool connected = false;
    bool recovered = false;
    WallTime registered_at;
    std::optional<WallTime> reregistered_at;
    Resources allocated;
    Resources offered;
};

/// A framework subscribed that this master did not know, or an agent brought it.
struct FrameworkAdded {
    FrameworkView framework;
};

/// It subscribed again, or changed what it says of itself.
struct FrameworkUpdated {
    FrameworkView framework;
};

struct FrameworkRemoved {
    std::shared_ptr<const mesos::v1::FrameworkInfo> info;
    std::set<std::string> roles;
};

using OperatorEvent = std::variant<TaskAdded, TaskUpdated, AgentAdded, AgentRemoved, FrameworkAdded,
                                   FrameworkUpdated, FrameworkRemoved>;
using OperatorEvents = std::vector<OperatorEvent>;

/// Each notes one event, when somebody listens; else they cost a test of a flag. They are called
/// when the change is in the state: what has to be durable first is so by then.
void publish_task_added(Turn& turn, const TaskRecord& task);
void publish_task_updated(Turn& turn, const FrameworkId& framework, const mesos::v1::Task& task,
                          const mesos::v1::TaskStatus& status);
void publish_agent_added(Turn& turn, const Agent& agent);
void publish_agent_removed(Turn& turn, const AgentId& agent);
void publish_framework_added(Turn& turn, const Framework& framework);
void publish_framework_updated(Turn& turn, const Framework& framework);
void publish_framework_removed(Turn& turn, const Framework& framework);

}  // namespace tepui::master
