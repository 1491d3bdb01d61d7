#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "master/core/removal_rate.h"

namespace tepui::master {

/// Agents that are to be marked unreachable, each at most once, in the order they failed. With a
/// rate each waits for its token; one that comes back meanwhile leaves the queue. Tokens are not
/// saved up: after a quiet time one agent goes at once, and the next after the interval.
class RemovalQueue {
public:
    struct Waiting {
        AgentId agent;
        std::string message;  // Why, for its tasks' updates.
    };

    /// False when it waits already.
    bool push(AgentId agent, std::string message);
    /// False when it does not wait.
    bool cancel(const AgentId& agent);
    bool contains(const AgentId& agent) const { return turns_.contains(agent); }
    bool empty() const { return turns_.empty(); }
    std::size_t size() const { return turns_.size(); }

    /// Takes out the next, with its token, if there is one at `now`.
    std::optional<Waiting> take(Instant now, const std::optional<RemovalRate>& rate);
    /// When the next token comes.
    Instant next_token() const { return next_token_; }

private:
    std::uint64_t next_turn_ = 0;
    std::map<std::uint64_t, Waiting> waiting_;
    std::map<AgentId, std::uint64_t> turns_;
    Instant next_token_{};
};

}  // namespace tepui::master
