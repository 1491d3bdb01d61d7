#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sim/timeline.h"

namespace tepui::sim {

/// One simulated TCP connection. Both directions are ordered; bytes may be late, stop for a while
/// (a partition, one way or both) or be lost together with the connection, never reordered.
///
/// `a` is the side that connected. Messages are strings: whoever uses it encodes and decodes.
class Channel : public std::enable_shared_from_this<Channel> {
public:
    enum class Side : std::uint8_t { a, b };

    explicit Channel(Timeline& timeline) : timeline_(timeline) {}

    std::function<void(std::string)>& on_message(Side side) { return end(side).on_message; }
    std::function<void()>& on_close(Side side) { return end(side).on_close; }

    /// Sends from `side` to the other.
    void send(Side side, std::string message);
    /// Both ends learn of it, each in its time; what was in flight is lost.
    void break_off();
    /// `side` is gone without a word: its handlers are dropped, the other end learns of it later.
    void abandon(Side side);
    /// `side` ends the connection in order: what it sent before still arrives (later, if it is held
    /// back), then the other end learns of it. `side` hears nothing more.
    void finish(Side side);
    bool open() const { return open_; }

    /// Holds back what flows towards `side` until resume(); nobody is told.
    void block_towards(Side side) { end(side).blocked = true; }
    void resume();

private:
    struct End {
        std::function<void(std::string)> on_message;
        std::function<void()> on_close;
        std::deque<std::optional<std::string>> arriving;  // Nothing: the connection's end.
        Instant last_arrival;
        bool blocked = false;
    };
    void schedule(Side target);
    End& end(Side side) { return side == Side::a ? a_ : b_; }
    void deliver(Side side);

    Timeline& timeline_;
    End a_;
    End b_;
    bool open_ = true;
};

}  // namespace tepui::sim
