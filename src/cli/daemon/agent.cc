#include "agent/agent.h"

#include <csignal>
#include <filesystem>
#include <future>

#include <fmt/core.h>
#include <unistd.h>

#include "cli/daemon/daemon.h"
#include "cli/daemon/signals.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

/// Beside this program as it is built, in ../lib/tepui as it is installed.
std::string shim_dir() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto folder = program.parent_path();
    if (std::filesystem::exists(folder / "tepui-shim", error)) return folder.string();
    return (folder.parent_path() / "lib" / "tepui").string();
}

AgentSurroundings surroundings(const Console& console) {
    AgentSurroundings around;
    around.uid = ::geteuid();
    around.user = current_user();
    around.xdg_runtime_dir = console.environment("XDG_RUNTIME_DIR").value_or("");
    around.program_dir = shim_dir();
    return around;
}

constexpr Duration stop_deadline = 5s;

Outcome serve(const agent::AgentOptions& options) {
    std::unique_ptr<agent::Agent> agent;
    std::promise<bool> ready;  // Whether `agent` is there: before that it can't be stopped.
    const std::shared_future<bool> is_ready = ready.get_future().share();
    // Leaving takes as long as the containers take to end.
    const SignalEnd signals(
        "agent", {{SIGINT, stop_deadline}, {SIGTERM, stop_deadline}, {SIGUSR1, std::nullopt}},
        [&agent, &is_ready](int signal) {
            if (!is_ready.get()) return;
            if (signal == SIGUSR1) {
                agent->leave();
            } else {
                agent->stop();
            }
        });
    const auto start = [&]() -> Result<std::unique_ptr<agent::Agent>> {
        auto parts = TEPUI_TRY(agent::machine_parts(options));
        return agent::Agent::start(options, std::move(parts));
    };
    auto started = start();
    if (started) agent = std::move(*started);
    ready.set_value(started.has_value());
    if (!started) return give_up("agent", started.error());
    const agent::AgentEnd end = agent->wait();
    if (end.failed) return give_up("agent", Error{Errc::conflict, end.why});
    return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    auto options = make_agent_options(parsed, surroundings(console));
    if (!options) return give_up("agent", options.error(), "tepui help agent");
    std::error_code error;
    if (!std::filesystem::exists(options->containerizer.shim_path, error)) {
        const Error missing{Errc::not_found, fmt::format("the program {} is missing",
                                                         options->containerizer.shim_path)};
        return give_up("agent", missing, "name its folder with --launcher_dir=PATH");
    }
    if (parsed.enabled("insecure_listen")) {
        console.err(
            fmt::format("tepui: agent: listening on {} without authentication\n", options->ip));
    }
    return serve(*options);
}

}  // namespace

Verb agent_verb() {
    Verb verb = agent_page();
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
