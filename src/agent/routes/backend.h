#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "agent/await_callback.h"
#include "agent/core_loop.h"
#include "agent/files.h"
#include "agent/routes/identity.h"
#include "base/result.h"
#include "containerizer/containerizer.h"
#include "env/clock.h"
#include "env/posix/worker_pool.h"

namespace tepui::agent {

/// What routes are functions of: the core's state (read on the loop), files and usage (read on
/// workers), and what never changes. Shared by all routes; any thread.
class Backend {
public:
    Backend(Identity identity, Files& files, env::WorkerPool& pool, const env::Clock& clock,
            containerizer::Containerizer& containerizer)
        : unbound_(std::move(identity)), files_(files), pool_(pool), clock_(clock),
          containerizer_(containerizer) {}

    /// What became known when the server was bound; once.
    void set_identity(Identity identity) {
        bound_ = std::move(identity);
        identity_.store(&bound_);
    }
    /// From now on the state can be read; before, and after nullptr, routes answer 503.
    void set_loop(CoreLoop* loop) { loop_.store(loop); }
    bool is_recovered() const { return loop_.load() != nullptr; }

    /// What `make` makes of the state, on the loop; unavailable while there is none.
    template <typename T>
    asio::awaitable<Result<T>> from_state(std::function<T(const State&)> make) const {
        CoreLoop* const loop = loop_.load();
        auto start = [loop, make = std::move(make)](std::function<void(std::optional<T>)> done) {
            const bool reads = loop != nullptr &&
                               loop->read([make, done](const State& state) { done(make(state)); });
            if (!reads) done(std::nullopt);
        };
        auto made = co_await await_callback<std::optional<T>>(std::move(start));
        if (!made) co_return fail(Errc::unavailable, "the agent has not finished recovery");
        co_return std::move(*made);
    }

    /// What `work` gives, on a worker thread.
    template <typename T>
    asio::awaitable<Result<T>> blocking(std::function<Result<T>()> work) const {
        auto* const pool = &pool_;
        auto start = [pool, work = std::move(work)](std::function<void(Result<T>)> done) {
            if (!pool->post([work, done] { done(work()); })) {
                done(fail(Errc::unavailable, "the agent is shutting down"));
            }
        };
        auto result = co_await await_callback<Result<T>>(std::move(start));
        co_return result;
    }

    const Identity& identity() const { return *identity_.load(); }
    Files& files() const { return files_; }
    containerizer::Containerizer& containerizer() const { return containerizer_; }
    WallTime now() const { return clock_.now().wall; }

private:
    const Identity unbound_;  // Served until the port is known.
    Identity bound_;
    std::atomic<const Identity*> identity_{&unbound_};
    Files& files_;
    env::WorkerPool& pool_;
    const env::Clock& clock_;
    containerizer::Containerizer& containerizer_;
    std::atomic<CoreLoop*> loop_{nullptr};
};

}  // namespace tepui::agent
