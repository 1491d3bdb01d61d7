#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/askers.h"
#include "agent/container_io.h"
#include "agent/core_loop.h"
#include "agent/executor_streams.h"
#include "agent/routes/identity.h"
#include "agent/routes/usage_cache.h"
#include "base/result.h"
#include "containerizer/containerizer.h"
#include "daemon/await_callback.h"
#include "daemon/files.h"
#include "daemon/log_level.h"
#include "env/clock.h"
#include "env/posix/worker_pool.h"

namespace tepui::agent {

/// What routes are functions of: the core's state (read on the loop), files and usage (read on
/// workers), and what never changes. Shared by all routes; any thread.
class Backend {
public:
    Backend(Identity identity, daemon::Files& files, env::WorkerPool& workers,
            const env::Clock& clock, containerizer::Containerizer& containerizer)
        : unbound_(std::move(identity)),
          files_(files),
          workers_(workers),
          clock_(clock),
          containerizer_(containerizer) {}

    /// What became known when the server was bound; once.
    void set_identity(Identity identity) {
        bound_ = std::move(identity);
        identity_.store(&bound_);
    }
    /// From now on the state can be read; before, and after nullptr, routes answer 503.
    void set_loop(CoreLoop* loop) { loop_.store(loop); }
    /// Hands an event to the core; false when there is none.
    bool post(Event event) const {
        CoreLoop* const loop = loop_.load();
        if (loop == nullptr) return false;
        loop->post(std::move(event));
        return true;
    }
    const std::shared_ptr<ExecutorStreams>& executor_streams() const { return executor_streams_; }
    Askers& askers() { return askers_; }
    ContainerIo& container_io() { return container_io_; }
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
        auto made = co_await daemon::await_callback<std::optional<T>>(std::move(start));
        if (!made) co_return fail(Errc::unavailable, "the agent has not finished recovery");
        co_return std::move(*made);
    }

    const Identity& identity() const { return *identity_.load(); }
    const daemon::Files& files() const { return files_; }
    /// For what blocks.
    env::WorkerPool& workers() const { return workers_; }
    containerizer::Containerizer& containerizer() const { return containerizer_; }
    /// What containers use, at most a second old; blocks for some reads.
    UsageCache& usage() { return usage_; }
    WallTime now() const { return clock_.now().wall; }
    const env::Clock& clock() const { return clock_; }
    daemon::LogLevel& log_level() { return log_level_; }

    using Measure = std::function<void(std::map<std::string, double>&)>;
    /// Adds numbers to the metrics, on the loop. Before set_loop().
    void also_measure(Measure measure) { measures_.push_back(std::move(measure)); }
    void measure(std::map<std::string, double>& metrics) const {
        for (const Measure& each : measures_) each(metrics);
    }

private:
    const Identity unbound_;  // Served until the port is known.
    Identity bound_;
    std::atomic<const Identity*> identity_{&unbound_};
    daemon::Files& files_;
    env::WorkerPool& workers_;
    const env::Clock& clock_;
    daemon::LogLevel log_level_;
    containerizer::Containerizer& containerizer_;
    UsageCache usage_{[this](const ContainerId& id) { return containerizer_.usage(id); }};
    std::atomic<CoreLoop*> loop_{nullptr};
    std::vector<Measure> measures_;
    Askers askers_;
    ContainerIo container_io_;
    const std::shared_ptr<ExecutorStreams> executor_streams_ = std::make_shared<ExecutorStreams>();
};

}  // namespace tepui::agent
