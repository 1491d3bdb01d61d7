#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/core.h"
#include "agent/oversubscription.h"
#include "containerizer/containerizer.h"
#include "daemon/log.h"
#include "http/server.h"

namespace tepui::agent {

/// What an agent is started with. Flags are read elsewhere.
struct AgentOptions {
    std::string ip = "127.0.0.1";  // To bind, and reported in the tasks' container_status.
    std::uint16_t port = 5051;     // 0 takes a free one.
    std::string hostname;          // As the master is told; empty takes the ip.
    /// Where others reach this agent, when that is not where it listens; empty and 0: where it
    /// does.
    std::string advertise_ip;
    std::uint16_t advertise_port = 0;
    std::string master;       // "host:port", several with commas between them.
    std::string work_dir;     // Absolute; made if missing.
    std::string runtime_dir;  // Short, absolute; empty: work_dir/run.
    /// --resources text or JSON; what it does not name is detected. Empty: all is detected.
    std::string resources;
    std::string attributes;  // --attributes text.
    std::string default_role = "*";
    Duration disk_watch_interval = 1min;  // When sandboxes are measured against the disk.
    /// Variables of every task, beneath those of its command.
    std::map<std::string, std::string> task_environment;
    /// work_dir and runtime_dir in it are replaced by those above.
    containerizer::Options containerizer;
    OversubscriptionOptions oversubscription;
    /// Periods and limits; work_dir, info, ip, boot_id and capabilities are filled in.
    CoreConfig core;
    http::ServerOptions http;  // ip and port in it are replaced by those above.
    daemon::LogOptions log;
    /// Shown by /flags as they were given, beside those that follow from these options.
    std::map<std::string, std::string> flags;
};

}  // namespace tepui::agent
