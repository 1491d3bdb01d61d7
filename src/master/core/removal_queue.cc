#include "master/core/removal_queue.h"

namespace tepui::master {

bool RemovalQueue::push(AgentId agent, std::string message) {
    if (!turns_.emplace(agent, next_turn_).second) return false;
    waiting_.emplace(next_turn_++, Waiting{std::move(agent), std::move(message)});
    return true;
}

bool RemovalQueue::cancel(const AgentId& agent) {
    const auto it = turns_.find(agent);
    if (it == turns_.end()) return false;
    waiting_.erase(it->second);
    turns_.erase(it);
    return true;
}

std::optional<RemovalQueue::Waiting> RemovalQueue::take(Instant now,
                                                        const std::optional<RemovalRate>& rate) {
    if (waiting_.empty() || (rate && now < next_token_)) return std::nullopt;
    if (rate) next_token_ = now + rate->interval();
    Waiting first = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    turns_.erase(first.agent);
    return first;
}

}  // namespace tepui::master
