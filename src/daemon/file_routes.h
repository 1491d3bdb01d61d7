#pragma once

#include <map>
#include <string>

#include "daemon/files.h"
#include "env/posix/worker_pool.h"
#include "http/message.h"
#include "http/router.h"

namespace tepui::daemon {

/// The handlers, all for GET, of /files/browse, /files/read, /files/download and /files/debug, by
/// path. They do their work on `pool`; both must outlive them.
std::map<std::string, http::Handler> file_handlers(const Files& files, env::WorkerPool& pool);

}  // namespace tepui::daemon
