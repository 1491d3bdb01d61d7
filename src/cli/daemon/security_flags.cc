#include "cli/daemon/security_flags.h"

#include <algorithm>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/daemon/limit_flags.h"
#include "cli/flags/checks.h"
#include "cli/output/json_value.h"
#include "containerizer/isolators/linux_capabilities/capabilities.h"

namespace tepui::cli {

namespace {

constexpr Bytes shm_min = Bytes::kilobytes(4);
constexpr Bytes shm_max = Bytes::gigabytes(1024 * 1024);

Result<void> check_capabilities(std::string_view text) {
    const auto mask = parse_capabilities(text);
    if (!mask) return std::unexpected(mask.error());
    return {};
}

}  // namespace

Result<std::uint64_t> parse_capabilities(std::string_view text) {
    std::vector<std::string> names;
    if (text.starts_with('{')) {
        // Not as the message: that leaves words out which its enum does not have.
        const JsonValue document = TEPUI_TRY(parse_json(text));
        const JsonValue* list = document.find("capabilities");
        if (list != nullptr && list->kind != JsonValue::Kind::array)
            return fail(Errc::invalid_argument, "'capabilities' is not a list in '{}'", text);
        if (list != nullptr)
            for (const JsonValue& item : list->items) names.push_back(item.text);
        text = {};
    }
    while (!text.empty()) {
        names.emplace_back(text.substr(0, text.find(',')));
        text.remove_prefix(std::min(text.size(), names.back().size() + 1));
    }
    std::uint64_t mask = 0;
    for (const std::string& name : names) {
        const auto bit = containerizer::find_capability(name);
        if (!bit) return fail(Errc::invalid_argument, "there is no capability '{}'", name);
        mask |= *bit;
    }
    return mask;
}

std::vector<Flag> security_flags() {
    std::vector<Flag> flags{
        daemon_flag("Containers", "effective_capabilities", "JSON|NAME,...", "",
                    "With the isolator linux/capabilities: what tasks have that ask for nothing: "
                    "{\"capabilities\": [\"NET_RAW\"]} or NET_RAW,CHOWN. Without it: root has what "
                    "--bounding_capabilities leave, others have none.",
                    check_capabilities),
        daemon_flag("Containers", "bounding_capabilities", "JSON|NAME,...", "",
                    "With the isolator linux/capabilities: the most that any task can have or ask "
                    "for. Without it: all that the agent has.",
                    check_capabilities),
        daemon_flag("Containers", "seccomp_config_dir", "PATH", "",
                    "With the isolator linux/seccomp: where profiles are, in the format of "
                    "Docker's.",
                    not_empty()),
        daemon_flag("Containers", "seccomp_profile_name", "NAME", "",
                    "The profile, in that folder, of tasks that name none. Without it they may "
                    "make every system call.",
                    not_empty()),
        daemon_flag("Containers", "default_container_shm_size", "BYTES", "",
                    "With the isolator namespaces/ipc: the size of the /dev/shm of containers that "
                    "do not say. Without it: half of the memory.",
                    bytes_between(shm_min, shm_max)),
        daemon_switch("Containers", "disallow_sharing_agent_ipc_namespace", "false",
                      "Refuse tasks that want the agent's IPC namespace."),
        daemon_switch("Containers", "disallow_sharing_agent_pid_namespace", "false",
                      "Refuse tasks that want to see the agent's processes."),
    };
    flags.front().older_names = {"allowed_capabilities"};
    return flags;
}

Result<void> read_security_flags(const Parsed& parsed, containerizer::SecurityOptions& options) {
    if (parsed.given("effective_capabilities"))
        options.effective_capabilities =
            TEPUI_TRY(parse_capabilities(parsed.value("effective_capabilities")));
    if (parsed.given("bounding_capabilities"))
        options.bounding_capabilities =
            TEPUI_TRY(parse_capabilities(parsed.value("bounding_capabilities")));
    if (parsed.given("seccomp_config_dir"))
        options.seccomp_config_dir = absolute_path(parsed.value("seccomp_config_dir"));
    options.seccomp_profile_name = parsed.value("seccomp_profile_name");
    if (parsed.given("default_container_shm_size"))
        options.shm_bytes_default = bytes_of(parsed, "default_container_shm_size");
    options.disallow_sharing_agent_ipc_namespace =
        parsed.enabled("disallow_sharing_agent_ipc_namespace");
    options.disallow_sharing_agent_pid_namespace =
        parsed.enabled("disallow_sharing_agent_pid_namespace");
    return {};
}

}  // namespace tepui::cli
