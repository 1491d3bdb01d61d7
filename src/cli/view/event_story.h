#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cli/table.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// Which events are wanted; an empty member wants all.
struct EventFilter {
    std::string framework;  // Id.
    std::string agent;      // Id.
    std::string role;       // Or one beneath it.
    std::vector<std::string>
        kinds;  // "task", "agent", "framework", or "task_updated" and the like.
};

struct EventLine {
    double time = 0;   // Seconds since the epoch.
    std::string kind;  // "task", "agent" or "framework".
    std::string text;
    Table::Tone tone = Table::Tone::plain;
};

/// Tells what the events of the operator stream mean, in sentences with names instead of ids. Knows
/// what it was told before: after the stream broke, the snapshot that begins the next one is told
/// as the changes since. Pure; one story per stream of events.
class EventStory {
public:
    EventStory(EventFilter filter, bool tell_first_snapshot)
        : filter_(std::move(filter)), tell_snapshot_(tell_first_snapshot) {}

    /// What there is to say of one event, in order. `now`: seconds since the epoch, for events that
    /// carry no time of their own.
    std::vector<EventLine> feed(const mesos::v1::master::Event& event, double now);
    /// Whether the event passes the filter; to be asked after feed(). A snapshot and a heartbeat
    /// never do.
    bool wants(const mesos::v1::master::Event& event) const;

private:
    using Agent = mesos::v1::master::Response::GetAgents::Agent;
    using Framework = mesos::v1::master::Response::GetFrameworks::Framework;
    using State = mesos::v1::master::Response::GetState;
    struct KnownTask {
        std::string name;
        std::string role;
        std::string agent;
        mesos::v1::TaskState state = mesos::v1::TASK_STAGING;
    };
    struct KnownFramework {
        std::string name;
        std::string roles;
        std::string state;
    };
    /// What a filter asks of an event.
    struct Subject {
        std::string kind;
        std::string framework;
        std::string agent;
        std::vector<std::string> roles;
    };
    using Key = std::pair<std::string, std::string>;  // Framework and task id.

    void snapshot(const State& state, double now, std::vector<EventLine>& out);
    void forget_absent(const State& state, double now, std::vector<EventLine>& out);
    void agent_added(const Agent& agent, double now, std::vector<EventLine>& out);
    void agent_removed(const std::string& id, double now, std::vector<EventLine>& out);
    void framework_seen(const Framework& framework, double now, std::vector<EventLine>& out);
    void framework_removed(const std::string& id, double now, std::vector<EventLine>& out);
    void task_seen(const mesos::v1::Task& task, double now, std::vector<EventLine>& out);
    void task_updated(const mesos::v1::master::Event::TaskUpdated& update, double now,
                      std::vector<EventLine>& out);
    void say_task(const Key& key, const mesos::v1::TaskStatus* status, double now,
                  std::vector<EventLine>& out) const;
    bool passes(const Subject& subject) const;
    Subject subject_of_task(const Key& key, std::string kind) const;
    Subject subject_of_framework(const std::string& id, std::string kind) const;
    std::string agent_name(const std::string& id) const;
    std::string framework_name(const std::string& id) const;

    EventFilter filter_;
    bool tell_snapshot_;
    bool told_ = false;                          // A snapshot has come before.
    std::map<std::string, std::string> agents_;  // Host names by id.
    std::map<std::string, KnownFramework> frameworks_;
    std::map<Key, KnownTask> tasks_;
    std::optional<Key> ended_;  // To be forgotten at the next event.
    Subject last_;              // Of the event fed last.
};

}  // namespace tepui::cli
