#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "http/message.h"

namespace tepui::http {

/// An answer that is given after the handler returned: a status and a short body, no stream and no
/// upgrade. Must be given some day, or the connection waits for it until the server stops.
class LaterResponse {
public:
    /// Once; any thread.
    void set(Response response);

    /// Returns when the answer is there, on the coroutine's own executor. One waiter.
    asio::awaitable<void> wait();
    /// After wait().
    Response take();

private:
    /// Calls `then` when the answer is there, on the thread that gives it; at once if it is.
    void on_set(std::function<void()> then);

    std::mutex mutex_;
    std::optional<Response> response_;
    std::function<void()> then_;
};

}  // namespace tepui::http
