#pragma once

#include <map>
#include <string>

#include "cli/client/agent_round.h"
#include "cli/verbs/get_tables.h"

namespace tepui::cli {

/// The images of all agents that answered, a row for each image of each agent; by name, then by
/// host. `now`: seconds since the epoch. JSON of each: what the agent's /images says, with
/// "agent_id" and "hostname" in front. Pure.
Listing list_images(const std::map<std::string, AgentAnswer>& agents, double now, bool wide);

/// How far the pull of `name` is by an agent's /images.
struct PullState {
    enum class Phase { pulling, stored, failed, missing };
    Phase phase = Phase::missing;
    std::string text;  // Of how far it is, what came of it, or why it failed.
};
PullState pull_state(const JsonValue& images, const std::string& name);

}  // namespace tepui::cli
