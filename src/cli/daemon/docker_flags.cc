#include "cli/daemon/docker_flags.h"

#include <algorithm>

#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"

namespace tepui::cli {
namespace {

Result<std::vector<std::string>> parse_containerizers(std::string_view text) {
    std::vector<std::string> names;
    while (!text.empty()) {
        const std::string name(text.substr(0, text.find(',')));
        text.remove_prefix(std::min(text.size(), name.size() + 1));
        if (name != "mesos" && name != "docker")
            return fail(Errc::invalid_argument, "'{}' is no containerizer; there are mesos, docker",
                        name);
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    if (names.empty())
        return fail(Errc::invalid_argument, "it names none; there are mesos, docker");
    return names;
}

Result<void> check_containerizers(std::string_view text) {
    const auto names = parse_containerizers(text);
    if (!names) return std::unexpected(names.error());
    return {};
}

}  // namespace

std::vector<Flag> docker_flags() {
    std::vector<Flag> flags;
    const auto add = [&](Flag flag) { flags.push_back(std::move(flag)); };
    add(daemon_flag("Containers", "containerizers", "NAME,...", "mesos",
                    "What runs containers: mesos is built in and runs those of type MESOS, docker "
                    "gives those of type DOCKER to the Docker Engine of this machine.",
                    check_containerizers));
    add(daemon_flag("Docker", "docker_socket", "PATH", "/var/run/docker.sock",
                    "Where the Docker Engine listens. No client program is needed.", not_empty()));
    add(daemon_flag("Docker", "docker_remove_delay", "DURATION", "6hrs",
                    "How long an ended container stays in the Docker Engine, to be looked at.",
                    duration_between(0s, Duration::max())));
    add(daemon_flag("Docker", "docker_stop_timeout", "DURATION", "0secs",
                    "What a Docker container that the agent destroys gets between SIGTERM and "
                    "SIGKILL. A task that is killed gets the grace of its kill policy.",
                    duration_between(0s, 1h)));
    add(daemon_switch("Docker", "docker_kill_orphans", "true",
                      "When the agent starts, end the Docker containers of an earlier one with "
                      "this work_dir that no task belongs to."));
    return flags;
}

Result<void> read_docker_flags(const Parsed& parsed, containerizer::Options& options) {
    options.containerizers = TEPUI_TRY(parse_containerizers(parsed.value("containerizers")));
    options.docker.socket = parsed.value("docker_socket");
    options.docker.remove_delay =
        parse_duration(parsed.value("docker_remove_delay")).value_or(Duration{});
    options.docker.stop_timeout =
        parse_duration(parsed.value("docker_stop_timeout")).value_or(Duration{});
    options.docker.kill_orphans = parsed.enabled("docker_kill_orphans");
    return {};
}

}  // namespace tepui::cli
