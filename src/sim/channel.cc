#include "sim/channel.h"

#include <algorithm>
#include <utility>

namespace tepui::sim {

void Channel::send(Side side, std::string message) {
    if (!open_) return;
    const Side other = side == Side::a ? Side::b : Side::a;
    end(other).arriving.emplace_back(std::move(message));
    schedule(other);
}

void Channel::schedule(Side side) {
    End& target = end(side);
    // Mostly a quick network; now and then a late packet, and all behind it wait.
    const Duration delay =
        timeline_.chance(0.02) ? timeline_.between(10ms, 500ms) : timeline_.between(50us, 2ms);
    target.last_arrival = std::max(target.last_arrival, timeline_.now().instant + delay);
    timeline_.after(target.last_arrival - timeline_.now().instant,
                    [self = shared_from_this(), side] { self->deliver(side); });
}

void Channel::deliver(Side side) {
    End& target = end(side);
    if (!open_ || target.blocked || target.arriving.empty()) return;
    std::optional<std::string> message = std::move(target.arriving.front());
    target.arriving.pop_front();
    if (!message) {
        open_ = false;
        a_.on_message = b_.on_message = nullptr;
        if (const auto handler = std::exchange(target.on_close, nullptr)) handler();
    } else if (const auto handler = target.on_message) {
        handler(std::move(*message));
    }
}

void Channel::finish(Side side) {
    if (!open_) return;
    end(side).on_message = nullptr;
    end(side).on_close = nullptr;
    const Side other = side == Side::a ? Side::b : Side::a;
    end(other).arriving.emplace_back(std::nullopt);
    schedule(other);
}

void Channel::break_off() {
    if (!open_) return;
    open_ = false;
    for (End* one : {&a_, &b_}) {
        one->arriving.clear();
        one->on_message = nullptr;
        timeline_.after(timeline_.between(0ms, 50ms),
                        [handler = std::exchange(one->on_close, nullptr)] {
                            if (handler) handler();
                        });
    }
}

void Channel::abandon(Side side) {
    end(side).on_message = nullptr;
    end(side).on_close = nullptr;
    break_off();
}

void Channel::resume() {
    for (const Side side : {Side::a, Side::b}) {
        End& target = end(side);
        if (!target.blocked) continue;
        target.blocked = false;
        for (std::size_t i = 0; i < target.arriving.size(); ++i) {
            timeline_.after(Duration{static_cast<std::int64_t>(i)},
                            [self = shared_from_this(), side] { self->deliver(side); });
        }
    }
}

}  // namespace tepui::sim
