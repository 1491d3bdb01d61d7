#pragma once

#include <string>

#include "agent/options.h"
#include "cli/program.h"
#include "daemon/log.h"
#include "master/options.h"

namespace tepui::cli {

/// The daemons as verbs. They take Mesos' flag names, from the command line and from the
/// environment (TEPUI_NAME above MESOS_NAME).
Verb master_verb();
Verb agent_verb();
/// What prepares secrets for agents.
Verb secret_verb();

/// What the flags of `tepui master` mean. Fails with invalid_argument, naming the flag.
Result<master::MasterOptions> make_master_options(const Parsed& parsed);

/// Of the machine an agent runs on, for its defaults.
struct AgentSurroundings {
    unsigned uid = 0;
    std::string user;
    std::string xdg_runtime_dir;
    std::string program_dir;  // Where this program lies; the shim is beside it.
};
/// What the flags of `tepui agent` mean.
Result<agent::AgentOptions> make_agent_options(const Parsed& parsed,
                                               const AgentSurroundings& around);

/// The daemons' pages and flags; `run` is missing.
Verb master_page();
Verb agent_page();

/// Refuses to listen beyond loopback unless --insecure_listen was given: nobody is authenticated
/// yet, so whoever reaches the port could run anything.
Result<void> check_listen(const Parsed& parsed);

/// Flags that both daemons have.
std::vector<Flag> network_flags(std::string port);
std::vector<Flag> logging_flags();
/// What the logging flags mean.
daemon::LogOptions log_options(const Parsed& parsed);
/// A flag with Mesos' name, that is with underscores.
Flag daemon_flag(std::string group, std::string name, std::string value_name, std::string fallback,
                 std::string help, std::function<Result<void>(std::string_view)> check = nullptr);
Flag daemon_switch(std::string group, std::string name, std::string fallback, std::string help);
/// Mesos' flags that this version does not act on, by daemon.
std::vector<ForeignFlag> foreign_master_flags();
std::vector<ForeignFlag> foreign_agent_flags();

}  // namespace tepui::cli
