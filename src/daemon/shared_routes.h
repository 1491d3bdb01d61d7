#pragma once

#include <string>
#include <vector>

#include "daemon/files.h"
#include "daemon/help.h"
#include "daemon/log.h"
#include "daemon/log_level.h"
#include "env/clock.h"
#include "env/posix/worker_pool.h"
#include "http/router.h"

namespace tepui::daemon {

/// What the shared endpoints are functions of; all of it outlives the router.
struct SharedParts {
    const Files& files;
    env::WorkerPool& pool;
    LogLevel& level;
    const env::Clock& clock;
    std::string process;              // "master", "slave(1)": what /help calls it.
    std::vector<HelpPage> own_pages;  // Of the daemon's own endpoints.
};

/// Adds the endpoints that every daemon has: /files/*, /logging/toggle, /system/stats, /profiler/*,
/// /memory-profiler/*, /__processes__ and /help. They need no core and answer from the start.
void add_shared_routes(http::Router& router, SharedParts parts);

/// Makes the router tell `log` of each request while `level` is LogLevel::requests or more.
void log_requests(http::Router& router, const LogLevel& level, const env::Clock& clock,
                  std::function<std::shared_ptr<Log>()> log);

}  // namespace tepui::daemon
