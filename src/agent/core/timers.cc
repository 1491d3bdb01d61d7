#include "agent/core/timers.h"

namespace tepui::agent {

void Timers::set(TimerKey key, Instant at) {
    clear(key);
    by_time_.emplace(at, key);
    by_key_.emplace(std::move(key), at);
}

void Timers::clear(const TimerKey& key) {
    const auto it = by_key_.find(key);
    if (it == by_key_.end()) return;
    by_time_.erase({it->second, key});
    by_key_.erase(it);
}

Instant Timers::next() const { return by_time_.empty() ? Instant::max() : by_time_.begin()->first; }

std::vector<TimerKey> Timers::take_due(Instant now) {
    std::vector<TimerKey> due;
    while (!by_time_.empty() && by_time_.begin()->first <= now) {
        due.push_back(by_time_.begin()->second);
        by_key_.erase(due.back());
        by_time_.erase(by_time_.begin());
    }
    return due;
}

}  // namespace tepui::agent
