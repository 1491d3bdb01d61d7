#include "http/outbox.h"

#include <fmt/format.h>

namespace tepui::http {
namespace {

constexpr std::size_t batch_bytes_max = std::size_t{256} << 10;
constexpr std::size_t batch_pieces_max = 4096;
// Below this a copy is cheaper than one more entry in the writev list.
constexpr std::size_t copy_bytes_max = std::size_t{16} << 10;

/// Lays out `batch.held` behind `prefix` and points `batch.buffers` at it.
void lay_out(Framing framing, std::string_view prefix, Batch& batch) {
    struct Part {
        const std::string* piece;  // Null: a part of flat.
        std::size_t end;           // In flat.
    };
    std::vector<Part> large;
    std::size_t flat_bytes = prefix.size() + 8;
    for (const auto& piece : batch.held)
        flat_bytes += 24 + (piece->size() <= copy_bytes_max ? piece->size() : 0);
    batch.flat.reserve(flat_bytes);
    batch.flat.append(prefix);
    for (const auto& piece : batch.held) {
        if (framing == Framing::chunked)
            fmt::format_to(std::back_inserter(batch.flat), "{:x}\r\n", piece->size());
        if (piece->size() <= copy_bytes_max)
            batch.flat.append(*piece);
        else
            large.push_back({piece.get(), batch.flat.size()});
        if (framing == Framing::chunked) batch.flat.append("\r\n");
    }
    if (batch.last && framing == Framing::chunked) batch.flat.append("0\r\n\r\n");
    std::size_t begin = 0;
    for (const Part& part : large) {
        if (part.end > begin)
            batch.buffers.emplace_back(batch.flat.data() + begin, part.end - begin);
        batch.buffers.emplace_back(part.piece->data(), part.piece->size());
        begin = part.end;
    }
    if (batch.flat.size() > begin)
        batch.buffers.emplace_back(batch.flat.data() + begin, batch.flat.size() - begin);
}

}  // namespace

Outbox::Wake Outbox::take_wake(bool even_awake) {
    if (!is_asleep_ && !even_awake) return nullptr;
    is_asleep_ = false;
    return wake_;
}

bool Outbox::push(std::shared_ptr<const std::string> piece) {
    Wake wake;
    bool taken = false;
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::open) return false;
        if (piece->empty()) return true;
        if (queue_.empty() || waiting_bytes_ + piece->size() <= bytes_max_) {
            waiting_bytes_ += piece->size();
            queue_.push_back(std::move(piece));
            wake = take_wake();
            taken = true;
        } else {
            state_ = State::overflow;
            queue_.clear();
            waiting_bytes_ = 0;
            // The writer may hang in a write that the peer never lets end.
            wake = take_wake(true);
        }
    }
    if (wake) (*wake)();
    return taken;
}

void Outbox::finish() {
    Wake wake;
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::open) return;
        state_ = State::finishing;
        wake = take_wake();
    }
    if (wake) (*wake)();
}

void Outbox::close() {
    std::deque<std::shared_ptr<const std::string>> dropped;
    Wake wake;
    const std::lock_guard lock(mutex_);
    state_ = State::closed;
    dropped.swap(queue_);
    wake.swap(wake_);
    waiting_bytes_ = 0;
    is_asleep_ = false;
}

bool Outbox::overflowed() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::overflow;
}

void Outbox::attach(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::make_shared<const std::function<void()>>(std::move(wake));
}

Outbox::Taken Outbox::take(Framing framing, std::string_view prefix, Batch& batch) {
    batch.flat.clear();
    batch.held.clear();
    batch.buffers.clear();
    batch.last = false;
    {
        const std::lock_guard lock(mutex_);
        if (state_ == State::overflow) return Taken::overflow;
        if (state_ == State::closed) return Taken::closed;
        std::size_t bytes = 0;
        while (!queue_.empty() && bytes < batch_bytes_max && batch.held.size() < batch_pieces_max) {
            bytes += queue_.front()->size();
            batch.held.push_back(std::move(queue_.front()));
            queue_.pop_front();
        }
        waiting_bytes_ -= bytes;
        batch.last = queue_.empty() && state_ == State::finishing;
        if (batch.held.empty() && prefix.empty() && !batch.last) {
            is_asleep_ = true;
            return Taken::empty;
        }
    }
    lay_out(framing, prefix, batch);
    return Taken::some;
}

bool QueuedStream::push(std::shared_ptr<const std::string> chunk) {
    if (outbox_->push(std::move(chunk))) return true;
    // Without a connection nobody else would tell the producer.
    if (outbox_->overflowed()) {
        bool is_bound = false;
        {
            const std::lock_guard lock(mutex_);
            is_bound = is_bound_;
        }
        if (!is_bound) end(StreamEnd::too_slow);
    }
    return false;
}

void QueuedStream::on_end(std::function<void(StreamEnd)> callback) {
    std::optional<StreamEnd> ended;
    {
        const std::lock_guard lock(mutex_);
        ended = ended_;
        if (!ended) callback_ = std::move(callback);
    }
    if (ended) callback(*ended);
}

void QueuedStream::end(StreamEnd reason) {
    std::function<void(StreamEnd)> callback;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        ended_ = reason;
        callback.swap(callback_);
    }
    outbox_->close();
    if (callback) callback(reason);
}

void QueuedStream::set_bound() {
    const std::lock_guard lock(mutex_);
    is_bound_ = true;
}

std::shared_ptr<BodyStream> make_body_stream(std::size_t bytes_max) {
    return std::make_shared<QueuedStream>(bytes_max);
}

}  // namespace tepui::http
