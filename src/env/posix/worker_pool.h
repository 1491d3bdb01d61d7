#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tepui::env {

/// A fixed number of threads for work that blocks (disks, DNS, child processes), so that event
/// loops never do. Work runs in the order of post() when there is one thread.
class WorkerPool {
public:
    /// `threads` is at least 1.
    explicit WorkerPool(unsigned threads);
    ~WorkerPool();  // Stops.
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Queues `work`, from any thread; the queue has no limit, so callers bound what they post.
    /// False after stop(); the work is dropped then. An exception of the work is logged and costs
    /// nothing else.
    bool post(std::function<void()> work);

    /// Runs what is queued, then joins the threads. Idempotent. Not from a worker.
    void stop();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace tepui::env
