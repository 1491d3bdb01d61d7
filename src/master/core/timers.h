#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/time.h"

namespace tepui::master {

/// What a deadline of the core is for; `id` names the framework, agent or offer.
struct TimerKey {
    enum class Kind : std::uint8_t {
        heartbeat,           // Framework: the next HEARTBEAT is due.
        framework_failover,  // Framework: its failover_timeout is over.
        ping,                // Agent: a ping is due, or the last unanswered one was too many.
        agent_reregister,    // Agent, disconnected or recovered: it had its time to come back.
        recovery,            // All recovered agents had their time to come back.
        removal,             // The next failed agent may be marked unreachable.
        registry_gc,         // Old unreachable and gone agents are looked for.
        offer,               // Offer: its offer_timeout is over.
        inverse_offers,      // Agent: a framework that refused an inverse offer is asked again.
        allocation,          // Nothing was offered so far, for agents to come back first.
        preemption,          // It is judged anew who starves, and what is to be taken back.
    };
    Kind kind;
    std::string id;
    auto operator<=>(const TimerKey&) const = default;
};

/// Deadlines by key, each key at most once. Equal deadlines come due in key order, so that effects
/// are the same in every run. O(log n) a change, O(1) to see the next.
class Timers {
public:
    /// Sets or moves a deadline.
    void set(const TimerKey& key, Instant due);
    void cancel(const TimerKey& key);
    /// The earliest deadline, or Instant::max().
    Instant next() const;
    /// Takes out one timer that is due at `now`, the earliest first.
    std::optional<TimerKey> pop_due(Instant now);
    std::size_t size() const { return due_by_key_.size(); }

private:
    std::map<TimerKey, Instant> due_by_key_;
    std::set<std::pair<Instant, TimerKey>> order_;
};

}  // namespace tepui::master
