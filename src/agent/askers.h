#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "agent/core/effect.h"

namespace tepui::agent {

/// Requests about containers that wait for the core's answer. Any thread.
class Askers {
public:
    using Answered = std::function<void(AnswerAsker)>;

    std::uint64_t next() { return next_.fetch_add(1); }
    /// `answered` is called once, on the answering thread; at once when this is closed.
    void add(std::uint64_t request, Answered answered) {
        {
            const std::lock_guard lock(mutex_);
            if (!closed_) {
                waiting_.emplace(request, std::move(answered));
                return;
            }
        }
        answered(stopping(request));
    }
    void answer(AnswerAsker answer) {
        Answered answered;
        {
            const std::lock_guard lock(mutex_);
            auto node = waiting_.extract(answer.request);
            if (node.empty()) return;
            answered = std::move(node.mapped());
        }
        answered(std::move(answer));
    }
    /// Answers all that wait, and whoever comes: the agent stops.
    void close() {
        std::map<std::uint64_t, Answered> waiting;
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            waiting.swap(waiting_);
        }
        for (const auto& [request, answered] : waiting) answered(stopping(request));
    }

private:
    static AnswerAsker stopping(std::uint64_t request) {
        return {.request = request, .error = Error{Errc::unavailable, "The agent is stopping."}};
    }

    std::atomic<std::uint64_t> next_{1};
    std::mutex mutex_;
    bool closed_ = false;
    std::map<std::uint64_t, Answered> waiting_;
};

}  // namespace tepui::agent
