#pragma once

#include <map>
#include <string>

#include "http/server.h"

namespace tepui::daemon {

/// Adds a server's numbers: http/connections_open, and what it refused or cut off since its start.
void add_http_metrics(std::map<std::string, double>& metrics, const http::ServerStats& stats);

}  // namespace tepui::daemon
