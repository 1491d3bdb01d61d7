#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/client/agent_files.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// An agent and what it answered.
struct AgentAnswer {
    std::string hostname;
    std::string address;  // "host:port".
    Result<JsonValue> answer = fail(Errc::unavailable, "it was not asked");
};

/// Asks the active agents of a GET_AGENTS answer for the same JSON endpoint, some at once; by
/// agent id.
asio::awaitable<std::map<std::string, AgentAnswer>> ask_agents(
    http::Client& client, const mesos::v1::master::Response& agents, std::string target);

}  // namespace tepui::cli
