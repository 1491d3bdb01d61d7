#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/time.h"

namespace tepui::containerizer {

/// A thread that does something again and again until it is destroyed.
class Periodic {
public:
    /// `job` runs once every `interval`, counted from its end.
    Periodic(Duration interval, std::function<void()> job)
        : thread_([this, interval, job = std::move(job)](const std::stop_token& stop) {
              std::unique_lock lock(mutex_);
              while (
                  !changed_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); }))
                  job();
          }) {}

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;
};

}  // namespace tepui::containerizer
