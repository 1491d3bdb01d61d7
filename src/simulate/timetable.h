#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <unordered_map>

#include "base/time.h"

namespace tepui::simulate {

/// Virtual time, and what is going to happen in it. Actions of one instant run in the order in
/// which they were added.
class Timetable {
public:
    Instant now() const { return now_; }
    void after(Duration delay, std::function<void()> action);
    /// When the next action is due; Instant::max() when there is none.
    Instant next() const { return queue_.empty() ? Instant::max() : queue_.top().at; }
    /// Moves time on; it never goes back.
    void advance_to(Instant instant) { now_ = std::max(now_, instant); }
    /// Runs one action that is due; false when none is.
    bool run_one();

private:
    struct Entry {
        Instant at;
        std::uint64_t number = 0;
        bool operator<(const Entry& other) const {  // The earliest is on top.
            return at != other.at ? at > other.at : number > other.number;
        }
    };
    Instant now_;
    std::priority_queue<Entry> queue_;
    std::unordered_map<std::uint64_t, std::function<void()>> actions_;
    std::uint64_t next_number_ = 0;
};

}  // namespace tepui::simulate
