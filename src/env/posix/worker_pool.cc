#include "env/posix/worker_pool.h"

#include <spdlog/spdlog.h>

#include "base/assert.h"

namespace tepui::env {

WorkerPool::WorkerPool(unsigned threads) {
    TEPUI_ASSERT(threads > 0);
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() { stop(); }

bool WorkerPool::post(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return false;
        queue_.push_back(std::move(work));
    }
    changed_.notify_one();
    return true;
}

void WorkerPool::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
        TEPUI_ASSERT_WHY(thread.get_id() != std::this_thread::get_id(),
                         "a worker cannot wait for itself");
        thread.join();
    }
    threads_.clear();
}

void WorkerPool::run() {
    for (;;) {
        std::function<void()> work;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            work = std::move(queue_.front());
            queue_.pop_front();
        }
        try {
            work();
        } catch (const std::exception& e) {
            spdlog::error("env: a piece of work failed: {}", e.what());
        } catch (...) {
            spdlog::error("env: a piece of work failed");
        }
    }
}

}  // namespace tepui::env
