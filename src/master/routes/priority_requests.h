#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "master/core_loop.h"
#include "master/snapshot/snapshot.h"

// Priority bands of roles: /tepui/priorities, which Mesos does not have. Both ways the body is a
// JSON object, role to band: {"prod": 10, "batch": -5}.
namespace tepui::master {

/// Fails with invalid_argument, naming the role, for what is no such object.
Result<std::map<std::string, std::int32_t>> parse_priorities(std::string_view body);

/// Roles whose band is not 0.
std::string render_priorities(const Snapshot& snapshot);

/// PUT: sets the bands of the roles that are named, all or none; 0 takes one away.
http::asio::awaitable<http::Response> put_priorities(CoreLoop& loop, http::Request request);

}  // namespace tepui::master
