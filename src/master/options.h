#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/log.h"
#include "http/server.h"
#include "master/core/core.h"
#include "master/operator_stream_options.h"

namespace tepui::master {

/// Where the master keeps what it must not forget.
enum class RegistryKind : std::uint8_t {
    sqlite,     // `work_dir`/registry.db
    in_memory,  // Forgotten with the process.
};

/// What a master is started with. Flags are read elsewhere.
struct MasterOptions {
    std::string ip = "127.0.0.1";  // To bind; 0.0.0.0 is told to clients as the hostname's address.
    std::uint16_t port = 5050;     // 0 takes a free one.
    std::string hostname;          // As clients are told; empty takes the ip.
    /// Where others reach this master, when that is not where it listens; empty and 0: where it
    /// does.
    std::string advertise_ip;
    std::uint16_t advertise_port = 0;
    std::string work_dir;  // Made if missing; needed with sqlite.
    RegistryKind registry = RegistryKind::sqlite;
    std::string cluster;  // Shown to people; may be empty.
    CoreConfig core;
    /// Hostnames of the agents that are offered, one a line; read again when it changes. Empty:
    /// core.whitelist counts.
    std::string whitelist_file;
    OperatorStreamOptions operator_streams;
    bool publish_per_framework_metrics = true;
    http::ServerOptions http;  // ip and port in it are replaced by those above.
    daemon::LogOptions log;
    /// Shown by /flags as they were given, beside those that follow from these options.
    std::map<std::string, std::string> flags;
};

}  // namespace tepui::master
