#include "master/core/timers.h"

namespace tepui::master {

void Timers::set(const TimerKey& key, Instant due) {
    const auto [it, added] = due_by_key_.emplace(key, due);
    if (!added) {
        if (it->second == due) return;
        order_.erase({it->second, key});
        it->second = due;
    }
    order_.insert({due, key});
}

void Timers::cancel(const TimerKey& key) {
    const auto it = due_by_key_.find(key);
    if (it == due_by_key_.end()) return;
    order_.erase({it->second, key});
    due_by_key_.erase(it);
}

Instant Timers::next() const { return order_.empty() ? Instant::max() : order_.begin()->first; }

std::optional<TimerKey> Timers::pop_due(Instant now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    TimerKey key = order_.begin()->second;
    order_.erase(order_.begin());
    due_by_key_.erase(key);
    return key;
}

}  // namespace tepui::master
