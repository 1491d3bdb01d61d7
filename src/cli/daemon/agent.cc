#include "agent/agent.h"

#include <atomic>
#include <csignal>
#include <filesystem>

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

/// What a signal asked the agent for; the main thread waits for it.
enum class Wish : int { none, stop, clean_up };
constexpr Duration signal_latency = 100ms;

/// Ends every container that an agent with these options left, and waits for their end. The agent
/// itself is stopped by now: nothing is launched meanwhile.
Result<void> destroy_containers(const agent::AgentOptions& options) {
    containerizer::Options parts = options.containerizer;
    parts.work_dir = options.work_dir;
    parts.runtime_dir = options.runtime_dir;
    auto containerizer = containerizer::make_containerizer(std::move(parts));
    if (!containerizer) return std::unexpected(containerizer.error());
    const auto swept =
        (*containerizer)->recover({}, [](const ContainerId&, containerizer::Exited) {});
    if (!swept) return std::unexpected(swept.error());
    return {};
}

Outcome serve(const agent::AgentOptions& options) {
    std::atomic<Wish> wish = Wish::none;
    const SignalThread signals({SIGINT, SIGTERM, SIGUSR1}, [&wish](int signal) {
        wish = signal == SIGUSR1 ? Wish::clean_up : Wish::stop;
    });
    auto parts = agent::machine_parts(options);
    if (!parts) return give_up("agent", parts.error());
    auto agent = agent::Agent::start(options, *std::move(parts));
    if (!agent) return give_up("agent", agent.error());
    std::optional<std::string> end;
    while (!end && wish == Wish::none) end = (*agent)->wait_for_end(signal_latency);
    (*agent)->stop();
    agent->reset();
    if (end) return give_up("agent", Error{Errc::conflict, *end});
    if (wish == Wish::clean_up) {
        const auto cleaned = destroy_containers(options);
        if (!cleaned) return give_up("agent: ending its containers", cleaned.error());
    }
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
