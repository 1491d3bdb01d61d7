#pragma once

#include <functional>
#include <memory>
#include <string>

#include "env/posix/worker_pool.h"
#include "http/message.h"
#include "master/core_loop.h"
#include "master/metrics.h"
#include "master/snapshot/snapshot_hub.h"

namespace tepui::master {

namespace asio = boost::asio;

using Body = std::shared_ptr<const std::string>;

/// What reading routes share: snapshots from the hub, rendering on worker threads, so that neither
/// the loop nor an I/O thread is held up by a big answer.
class Reader {
public:
    Reader(CoreLoop& loop, SnapshotHub& hub, env::WorkerPool& workers, const env::Clock& clock)
        : loop_(loop), hub_(hub), workers_(workers), clock_(clock) {}

    /// A body that depends on the snapshot only: rendered once a snapshot and shared. `name` tells
    /// bodies apart.
    asio::awaitable<Result<Body>> shared_body(std::string name,
                                              std::function<std::string(const Snapshot&)> render);
    /// A body for this request only.
    asio::awaitable<Result<Body>> own_body(std::function<std::string(const Snapshot&)> render);
    using Rendering = std::function<std::string()>;
    /// A body about what snapshots do not hold: `question` runs on the loop's thread
    /// (SnapshotHub::ask) and takes out of the state what the rendering it gives shows.
    asio::awaitable<Result<Body>> asked_body(
        std::function<Result<Rendering>(const State&, Now)> question);
    /// Blocking work without a snapshot (files).
    asio::awaitable<Result<Body>> work(std::function<Result<std::string>()> work);
    asio::awaitable<std::map<std::string, double>> metrics();
    /// Adds numbers to those of metrics(). Before the first request.
    void also_measure(std::function<void(std::map<std::string, double>&)> measure) {
        measures_.push_back(std::move(measure));
    }

    /// Whether metrics() tells of each framework by itself. Before the first request.
    void measure_frameworks(bool wanted) { measures_frameworks_ = wanted; }

private:
    CoreLoop& loop_;
    SnapshotHub& hub_;
    env::WorkerPool& workers_;
    const env::Clock& clock_;
    std::vector<std::function<void(std::map<std::string, double>&)>> measures_;
    bool measures_frameworks_ = true;
};

}  // namespace tepui::master
