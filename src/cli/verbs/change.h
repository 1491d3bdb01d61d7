#pragma once

#include <string>

#include "cli/client/master_api.h"
#include "cli/console.h"
#include "cli/view/priorities.h"
#include "cli/view/sharing.h"

namespace tepui::cli {

/// --dry-run: says what would be changed.
Flag dry_run_flag();

/// Says what changes, and what may hurt, and makes the change, unless --dry-run was given. `what`
/// names it in errors, `next` is a command that helps when the master refuses it. With `question`
/// somebody has to agree first, or --yes to be given.
asio::awaitable<Outcome> make_change(MasterApi& master, const Console& console,
                                     const Parsed& parsed, std::string what, Change change,
                                     std::string next, std::string question = "");

/// The agent that a person means; fails as find_agent() does.
asio::awaitable<Result<AgentAnswer>> ask_agent(MasterApi& master, std::string wanted);

/// GET /tepui/priorities; fails as MasterApi::request() and status_error do.
asio::awaitable<Result<Priorities>> ask_priorities(MasterApi& master);

/// A body of one verb's sub-command: `parsed.words` begins with the sub-command, if one was given.
using SharingBody = asio::awaitable<Outcome> (*)(MasterApi&, const Console&, const Parsed&);

struct SubCommand {
    std::string name;
    std::size_t words_min = 0;  // After the name.
    std::string wants;          // "an agent and an id", for the error.
    SharingBody body;
};

/// Runs the sub-command that the first word names; without a word the first of them.
Outcome run_sub_command(const Console& console, const Parsed& parsed, const std::string& verb,
                        const std::vector<SubCommand>& commands);

/// Fails with usage (the text says what is wrong) for a verb's words.
std::unexpected<Failure> usage_failure(const std::string& verb, std::string text);

}  // namespace tepui::cli
