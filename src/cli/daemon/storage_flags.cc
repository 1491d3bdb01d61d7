#include "cli/daemon/storage_flags.h"

#include <charconv>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/daemon/limit_flags.h"
#include "cli/flags/checks.h"

namespace tepui::cli {

namespace {

constexpr Bytes log_bytes_min = Bytes::kilobytes(4);
constexpr Bytes bytes_max = Bytes::gigabytes(1024 * 1024);

std::optional<double> parse_share(std::string_view text) {
    double share = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), share);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    if (!(share >= 0 && share <= 1)) return std::nullopt;
    return share;
}

Result<void> check_share(std::string_view text) {
    if (parse_share(text)) return {};
    return fail(Errc::invalid_argument, "a number from 0 to 1 is needed, such as 0.1");
}

std::vector<std::string> paths_of(std::string_view text) {
    std::vector<std::string> paths;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(":,"), text.size());
        if (end > 0) paths.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    return paths;
}

Duration duration_of(const Parsed& parsed, std::string_view name) {
    return parse_duration(parsed.value(name)).value_or(Duration{});
}

}  // namespace

std::vector<Flag> storage_flags() {
    return {
        daemon_flag("Storage", "gc_disk_headroom", "SHARE", "0.1",
                    "Sandboxes live --gc_delay * (1 - this - the part of the disk in use), at "
                    "most: the fuller the disk, the earlier they go.",
                    check_share),
        daemon_flag("Storage", "disk_watch_interval", "DURATION", "1mins",
                    "How often the disk is looked at for that.", duration_between(1ms, 24h * 365)),
        daemon_switch("Storage", "gc_non_executor_container_sandboxes", "false",
                      "The sandbox of a pod's task goes when it is old enough, and not only with "
                      "the pod's."),
        daemon_flag("Containers", "container_log_size", "BYTES", "10MB",
                    "How long stdout or stderr of a task becomes before it is rotated.",
                    bytes_between(log_bytes_min, bytes_max)),
        daemon_flag("Containers", "container_log_files", "NUMBER", "5",
                    "How many files of each are kept, the current one included.",
                    whole_number_between(1, 1000)),
        daemon_flag("Containers", "container_disk_watch_interval", "DURATION", "15secs",
                    "How often disk/du and disk/xfs look at the containers' disk usage.",
                    duration_between(1ms, 24h * 365)),
        daemon_switch("Containers", "enforce_container_disk_quota", "false",
                      "With disk/du: end a container that takes more than its disk resource."),
        daemon_flag("Containers", "xfs_project_range", "RANGES", "[5000-10000]",
                    "With disk/xfs: the ids of projects that are ours alone.", not_empty()),
        daemon_switch("Containers", "xfs_kill_containers", "false",
                      "With disk/xfs: end a container that takes more than its disk resource; "
                      "otherwise its writes fail."),
        daemon_flag("Containers", "xfs_quota_headroom", "BYTES", "10MB",
                    "With --xfs_kill_containers: how much more it can write until then.",
                    bytes_between(Bytes::kilobytes(4), bytes_max)),
        daemon_flag("Containers", "host_path_volume_force_creation", "PATH:...", "",
                    "Beneath these directories a host path that a volume names is made when it is "
                    "missing.",
                    not_empty()),
        daemon_switch("Containers", "docker_volume_chown", "false",
                      "With docker/volume: give the mount point to the task's user."),
        daemon_flag("Containers", "docker_plugin_dir", "PATH", "/run/docker/plugins",
                    "With docker/volume: where volume plugins listen, as NAME.sock.", not_empty()),
        daemon_flag("Containers", "secret_dir", "PATH", "",
                    "Where secrets that are referred to are looked up: the file NAME/KEY, or NAME "
                    "without a key, of mode 0600. Without it such secrets are refused.",
                    not_empty()),
        daemon_flag("Containers", "secret_key_file", "PATH", "",
                    "The key of the files in --secret_dir, which are encrypted then: 32 bytes, or "
                    "64 hexadecimal digits, of mode 0600.",
                    not_empty()),
    };
}

void read_storage_flags(const Parsed& parsed, agent::AgentOptions& options) {
    containerizer::Options& containers = options.containerizer;
    options.core.gc_disk_headroom = parse_share(parsed.value("gc_disk_headroom")).value_or(0);
    options.core.gc_nested_sandboxes = parsed.enabled("gc_non_executor_container_sandboxes");
    options.disk_watch_interval = duration_of(parsed, "disk_watch_interval");
    containers.log_bytes_max = bytes_of(parsed, "container_log_size");
    containers.log_files_max = parse_whole(parsed.value("container_log_files")).value_or(1);
    containers.disk.watch_interval = duration_of(parsed, "container_disk_watch_interval");
    containers.disk.enforce_quota = parsed.enabled("enforce_container_disk_quota");
    containers.disk.xfs_project_range = parsed.value("xfs_project_range");
    containers.disk.xfs_kill_containers = parsed.enabled("xfs_kill_containers");
    containers.disk.xfs_quota_headroom_bytes = bytes_of(parsed, "xfs_quota_headroom");
    containers.volumes.host_path_force_creation =
        paths_of(parsed.value("host_path_volume_force_creation"));
    containers.volumes.docker_volume_chown = parsed.enabled("docker_volume_chown");
    containers.volumes.docker_plugin_dir = parsed.value("docker_plugin_dir");
    if (parsed.given("secret_dir"))
        containers.volumes.secret_dir = absolute_path(parsed.value("secret_dir"));
    if (parsed.given("secret_key_file"))
        containers.volumes.secret_key_file = absolute_path(parsed.value("secret_key_file"));
}

}  // namespace tepui::cli
