#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/time.h"

namespace tepui::daemon {

namespace asio = boost::asio;

/// The thread that a core is run on: what any thread pushes is taken on it, in order and in
/// batches.
template <typename Item>
class BatchThread {
public:
    /// `take` gets each batch, and an empty one when a deadline set with wake_at() has come. What a
    /// batch of `batch_max` leaves waits for the next.
    explicit BatchThread(std::function<void(std::deque<Item>)> take,
                         std::size_t batch_max = std::numeric_limits<std::size_t>::max())
        : take_(std::move(take)), batch_max_(batch_max) {}
    ~BatchThread() { stop(); }
    BatchThread(const BatchThread&) = delete;
    BatchThread& operator=(const BatchThread&) = delete;

    /// Runs `first` on the thread, before any batch. Once.
    void start(std::function<void()> first) {
        asio::post(io_, std::move(first));
        thread_ = std::thread([this] { io_.run(); });
    }

    /// Ends the thread after the running batch. Gives what was never taken; nothing when it was
    /// stopped before. Not from the thread itself.
    std::optional<std::deque<Item>> stop() {
        std::deque<Item> left;
        {
            const std::scoped_lock lock(mutex_);
            if (std::exchange(stopped_, true)) return std::nullopt;
            left.swap(queue_);
        }
        work_.reset();
        io_.stop();
        if (thread_.joinable()) thread_.join();
        return left;
    }

    /// Any thread, also before start(). False when stopped; `item` is untouched then.
    bool push(Item& item) {
        const std::scoped_lock lock(mutex_);
        if (stopped_) return false;
        queue_.push_back(std::move(item));
        if (!std::exchange(take_posted_, true)) asio::post(io_, [this] { take_batch(); });
        return true;
    }

    /// All of them, with nothing in between.
    bool push(std::vector<Item>& items) {
        if (items.empty()) return true;
        const std::scoped_lock lock(mutex_);
        if (stopped_) return false;
        std::move(items.begin(), items.end(), std::back_inserter(queue_));
        if (!std::exchange(take_posted_, true)) asio::post(io_, [this] { take_batch(); });
        return true;
    }

    /// How many items wait. Any thread.
    std::size_t waiting() const {
        const std::scoped_lock lock(mutex_);
        return queue_.size();
    }

    /// Replaces the deadline; Instant::max() for none. On the thread only.
    void wake_at(Instant due, Instant now) {
        if (due == due_) return;
        due_ = due;
        if (due == Instant::max()) {
            timer_.cancel();
            return;
        }
        const Duration wait = std::max(due - now, Duration::zero());
        timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(wait));
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            due_ = Instant::max();
            take_({});
        });
    }

    /// For coroutines that live on the thread beside the batches.
    asio::any_io_executor executor() { return io_.get_executor(); }

private:
    void take_batch() {
        std::deque<Item> batch;
        {
            const std::scoped_lock lock(mutex_);
            if (queue_.size() <= batch_max_) {
                batch.swap(queue_);
                take_posted_ = false;
            } else {
                const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(batch_max_);
                std::move(queue_.begin(), end, std::back_inserter(batch));
                queue_.erase(queue_.begin(), end);
                asio::post(io_, [this] { take_batch(); });
            }
        }
        take_(std::move(batch));
    }

    const std::function<void(std::deque<Item>)> take_;
    const std::size_t batch_max_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    asio::steady_timer timer_{io_};
    Instant due_ = Instant::max();
    std::thread thread_;

    mutable std::mutex mutex_;
    std::deque<Item> queue_;
    bool take_posted_ = false;
    bool stopped_ = false;
};

}  // namespace tepui::daemon
