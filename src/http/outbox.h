#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/buffer.hpp>

#include "http/message.h"

/// What waits to be written to one peer. Private to the module.
namespace tepui::http {

enum class Framing : std::uint8_t { raw, chunked };

/// What one system call writes, if the socket takes it: frames and small pieces copied together,
/// large pieces by reference.
struct Batch {
    std::string flat;
    std::vector<std::shared_ptr<const std::string>> held;
    std::vector<asio::const_buffer> buffers;
    bool last = false;  // The end of the body is in it.
};

/// A bounded queue between pushers on any thread and one writer on its strand. The writer sleeps
/// when take() said empty; the push that ends this sleep calls the wake function, once.
class Outbox {
public:
    /// A push is refused, and the peer given up, when more than `bytes_max` would wait. A piece
    /// that finds nothing waiting is always taken: a first record may be larger than the limit.
    explicit Outbox(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// False when the box is finished, closed or overflows by this. An empty piece is dropped.
    bool push(std::shared_ptr<const std::string> piece);
    /// No more pushes; what waits is still written.
    void finish();
    /// Drops what waits; nothing is taken or called from now on.
    void close();
    bool overflowed() const;

    /// Names who is woken; until then nobody is. Called without locks held, on a pusher's thread.
    void attach(std::function<void()> wake);

    enum class Taken : std::uint8_t { some, empty, overflow, closed };
    /// Fills `batch` with what waits, up to a sensible size, behind `prefix`. For the writer only.
    Taken take(Framing framing, std::string_view prefix, Batch& batch);

private:
    enum class State : std::uint8_t { open, finishing, overflow, closed };
    using Wake = std::shared_ptr<const std::function<void()>>;
    /// Under the lock: the function to call after it, if the writer sleeps.
    Wake take_wake(bool even_awake = false);

    const std::size_t bytes_max_;
    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<const std::string>> queue_;
    std::size_t waiting_bytes_ = 0;
    State state_ = State::open;
    bool is_asleep_ = false;
    Wake wake_;
};

/// The BodyStream of make_body_stream().
class QueuedStream final : public BodyStream {
public:
    explicit QueuedStream(std::size_t bytes_max) : outbox_(std::make_shared<Outbox>(bytes_max)) {}

    bool push(std::shared_ptr<const std::string> chunk) override;
    void finish() override { outbox_->finish(); }
    void on_end(std::function<void(StreamEnd)> callback) override;

    const std::shared_ptr<Outbox>& outbox() const { return outbox_; }
    /// The connection wrote its last byte of this stream; only the first call counts.
    void end(StreamEnd reason);
    /// From now on the connection notices an overflow; before, push() does.
    void set_bound();

private:
    const std::shared_ptr<Outbox> outbox_;
    std::mutex mutex_;
    bool is_bound_ = false;
    std::optional<StreamEnd> ended_;
    std::function<void(StreamEnd)> callback_;
};

}  // namespace tepui::http
