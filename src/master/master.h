#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "master/options.h"

namespace tepui::master {

/// A master in this process: the core on its loop, the registry, the HTTP server. Several may live
/// in one process (tests), each with its own work_dir.
class Master {
public:
    explicit Master(MasterOptions options);
    ~Master();  // Stops.
    Master(const Master&) = delete;
    Master& operator=(const Master&) = delete;

    /// Opens the registry, binds and serves. Fails with conflict when another master has the
    /// registry open, corrupt when it is damaged, io when the address is taken; the texts name the
    /// file or address. Requests are answered 503 until the new epoch is durable.
    Result<void> start();
    /// The bound port, after start().
    std::uint16_t port() const;
    /// Ends it: schedulers' streams are finished, agents' links closed, and what was given to the
    /// registry is written. Any thread; idempotent.
    void stop();
    /// Returns after stop(), or with the error when the registry failed: the process should end
    /// then, because what is stored is not known. Nothing is decided after such a failure.
    Result<void> wait();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::master
