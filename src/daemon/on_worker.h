#pragma once

#include <functional>

#include "base/result.h"
#include "daemon/await_callback.h"
#include "env/posix/worker_pool.h"

namespace tepui::daemon {

/// What `work` gives, done on a thread of `pool`: for what blocks or takes long. Internal when it
/// throws, unavailable when the pool has stopped. `pool` must outlive the coroutine.
template <typename T>
asio::awaitable<Result<T>> on_worker(env::WorkerPool& pool, std::function<Result<T>()> work) {
    auto start = [&pool, &work](std::function<void(Result<T>)> done) {
        const bool posted = pool.post([work, done] {
            Result<T> result;
            try {
                result = work();
            } catch (const std::exception& exception) {
                result = fail(Errc::internal, "making the answer: {}", exception.what());
            }
            done(std::move(result));
        });
        if (!posted) done(fail(Errc::unavailable, "this daemon is shutting down"));
    };
    auto result = co_await await_callback<Result<T>>(std::move(start));
    co_return result;
}

}  // namespace tepui::daemon
