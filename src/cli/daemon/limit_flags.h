#pragma once

#include <vector>

#include "cli/flags/flag.h"
#include "http/server.h"
#include "master/core/limits.h"

namespace tepui::cli {

/// What limits a daemon's connections and requests. `connections`: how many by default.
std::vector<Flag> server_limit_flags(std::string connections);
/// What those mean.
void read_server_limits(const Parsed& parsed, http::ServerOptions& http);

/// --max_message_bytes, which both daemons have.
Flag message_limit_flag(std::string help);

/// What a master limits besides.
std::vector<Flag> master_limit_flags();
master::Limits read_master_limits(const Parsed& parsed);

/// The config file's flag, which both daemons have.
Flag config_flag();

/// A value of bytes that the flag's check has read.
std::size_t bytes_of(const Parsed& parsed, std::string_view name);

}  // namespace tepui::cli
