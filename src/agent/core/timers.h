#pragma once

#include <compare>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace tepui::agent {

/// What is due; the order decides which of two timers of the same instant fires first.
enum class TimerKind : std::uint8_t {
    registration,  // Register again.
    ping,          // The master has been silent for too long.
    retry,         // Forward an update again; `id` is the framework, `task` the task.
    escalation,    // A killed task's grace is over; `id` is the container.
    completion,    // A task's max_completion_time is over; `id` is the container.
    sandbox,       // A sandbox is old enough to go; `id` is the container.
    departure,     // The agent leaves and has waited long enough.
    health,        // A look at a task's health is due; `id` is the container.
    check,         // The same of its check.
    // Of custom executors; `id` is the container.
    executor_subscription,  // It should have subscribed by now.
    executor_shutdown,      // Its grace after SHUTDOWN is over.
    executor_heartbeat,     // Its stream is to show a sign of life.
    operation,              // Tell of an operation again; `id` is its uuid.
};

struct TimerKey {
    TimerKind kind;
    std::string id;
    std::string task = {};
    auto operator<=>(const TimerKey&) const = default;
};

/// One-shot deadlines by key. All operations cost O(log n).
class Timers {
public:
    /// Sets or moves the timer.
    void set(TimerKey key, Instant at);
    void clear(const TimerKey& key);
    /// Instant::max() when there is none.
    Instant next() const;
    /// Removes and returns the timers at or before `now`, earliest first.
    std::vector<TimerKey> take_due(Instant now);

private:
    std::map<TimerKey, Instant> by_key_;
    std::set<std::pair<Instant, TimerKey>> by_time_;
};

}  // namespace tepui::agent
