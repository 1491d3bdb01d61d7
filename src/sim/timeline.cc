#include "sim/timeline.h"

#include "base/assert.h"

namespace tepui::sim {

void Timeline::after(Duration delay, std::function<void()> action) {
    TEPUI_ASSERT(delay >= Duration::zero());
    queue_.emplace(std::pair{now_ + delay, next_order_++}, std::move(action));
}

void Timeline::run_until(Instant end) {
    while (!queue_.empty() && queue_.begin()->first.first <= end) {
        auto next = queue_.extract(queue_.begin());
        now_ = next.key().first;
        ++events_handled_;
        mark(static_cast<std::uint64_t>(now_.since_start.count()));
        next.mapped()();
    }
    now_ = end;
}

Duration Timeline::between(Duration from, Duration to) {
    TEPUI_ASSERT(from <= to);
    const auto span = static_cast<std::uint64_t>((to - from).count());
    return from + Duration{static_cast<std::int64_t>(prng_.below(span + 1))};
}

}  // namespace tepui::sim
