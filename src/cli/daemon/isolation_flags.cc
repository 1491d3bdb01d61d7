#include "cli/daemon/isolation_flags.h"

#include <algorithm>
#include <charconv>

#include "agent/oversubscription.h"
#include "cli/daemon/daemon.h"
#include "cli/daemon/environment.h"
#include "cli/flags/checks.h"
#include "resources/resources.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(separator));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        if (!item.empty()) items.emplace_back(item);
    }
    return items;
}

/// The result of a parser as a flag's check.
template <typename Parser>
FlagCheck checked_by(Parser parser) {
    return [parser](std::string_view text) -> Result<void> {
        const auto read = parser(text);
        if (!read) return std::unexpected(read.error());
        return {};
    };
}

Result<containerizer::NumberRange> parse_handles(std::string_view text) {
    const auto items = split(text, ',');
    if (items.size() != 2)
        return fail(Errc::invalid_argument, "two numbers are needed, such as 0x0001,0x00ff");
    const std::uint16_t first = TEPUI_TRY(parse_handle(items[0]));
    const std::uint16_t last = TEPUI_TRY(parse_handle(items[1]));
    if (first == 0 || first > last)
        return fail(Errc::invalid_argument, "the first must be above 0 and not above the second");
    return containerizer::NumberRange{first, last};
}

Result<std::vector<std::uint32_t>> parse_numbers(std::string_view text) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& item : split(text, ','))
        numbers.push_back(static_cast<std::uint32_t>(TEPUI_TRY(parse_whole(item))));
    if (numbers.empty()) return fail(Errc::invalid_argument, "numbers are needed, such as 0,1");
    return numbers;
}

Duration duration_of(const Parsed& parsed, std::string_view name) {
    return parse_duration(parsed.value(name)).value_or(Duration{});
}

void add_cgroup_flags(std::vector<Flag>& flags) {
    flags.push_back(
        daemon_switch("Containers", "cgroups_limit_swap", "false",
                      "The memory limit of a task is one of memory and swap together."));
    flags.push_back(daemon_switch(
        "Containers", "cgroups_cpu_enable_pids_and_tids_count", "false",
        "Taken for the sake of Mesos' configurations: processes and threads are always counted."));
    flags.push_back(daemon_switch("Containers", "revocable_cpu_low_priority", "true",
                                  "Tasks with revocable CPUs get a hundredth of the share that "
                                  "others have of a busy machine."));
    flags.push_back(daemon_flag("Containers", "cgroups_net_cls_primary_handle", "NUMBER", "",
                                "With the isolator cgroups/net_cls: the upper 16 bits of the "
                                "traffic class of each container, such as 0x0012.",
                                checked_by(parse_handle)));
    flags.push_back(daemon_flag("Containers", "cgroups_net_cls_secondary_handles", "FROM,TO", "",
                                "The lower 16 bits that may be given. Without it: 0x0001,0xffff.",
                                checked_by(parse_handles)));
    flags.push_back(
        daemon_flag("Containers", "allowed_devices", "JSON", "",
                    "With the isolator cgroups/devices: devices that every container "
                    "may use beside the usual ones: {\"allowed_devices\": [{\"device\": "
                    "{\"path\": \"/dev/fuse\"}, \"access\": {\"read\": true}}]}.",
                    checked_by(parse_allowed_devices)));
    flags.push_back(daemon_flag("Containers", "perf_events", "NAME,...", "",
                                "With the isolator cgroups/perf_event: what is counted, by the "
                                "names of perf list.",
                                not_empty()));
    flags.push_back(daemon_flag("Containers", "perf_interval", "DURATION", "1mins",
                                "How often perf events are sampled.",
                                duration_between(1ms, 24h * 365)));
    flags.push_back(daemon_flag("Containers", "perf_duration", "DURATION", "10secs",
                                "How long they are counted each time.",
                                duration_between(1ms, 24h * 365)));
    flags.push_back(daemon_flag("Containers", "nvidia_gpu_devices", "NUMBER,...", "",
                                "With the isolator gpu/nvidia: which GPUs are offered. Without it: "
                                "all.",
                                checked_by(parse_numbers)));
}

void add_port_flags(std::vector<Flag>& flags) {
    flags.push_back(daemon_switch("Containers", "enforce_container_ports", "false",
                                  "With the isolator network/ports: a container that listens on a "
                                  "port which it was not given is ended."));
    flags.push_back(daemon_flag("Containers", "container_ports_watch_interval", "DURATION",
                                "30secs", "How often the ports are looked at.",
                                duration_between(10ms, 24h * 365)));
    flags.push_back(daemon_switch("Containers", "check_agent_port_range_only", "false",
                                  "Look only at ports that the agent offers."));
    flags.push_back(daemon_flag("Containers", "container_ports_isolated_range", "RANGES", "",
                                "Look only at these ports: [0-35000].",
                                checked_by(parse_port_ranges)));
}

void add_oversubscription_flags(std::vector<Flag>& flags) {
    flags.push_back(daemon_flag("Oversubscription", "resource_estimator", "NAME", "noop",
                                "Who says what is offered as revocable: noop (nothing), fixed (the "
                                "parameter resources), load (CPUs that are idle; the parameter "
                                "target is the share of the machine to be used, 0.8).",
                                not_empty()));
    flags.push_back(daemon_flag("Oversubscription", "resource_estimator_parameters", "JSON", "",
                                "Its parameters: {\"resources\": \"cpus:2\"}.", check_environment));
    flags.push_back(daemon_flag(
        "Oversubscription", "qos_controller", "NAME", "noop",
        "Who says which revocable tasks are ended: noop (none), load (all, while the load of the "
        "machine is above the parameter load_threshold_5min or load_threshold_15min).",
        not_empty()));
    flags.push_back(daemon_flag("Oversubscription", "qos_controller_parameters", "JSON", "",
                                "Its parameters: {\"load_threshold_5min\": \"12\"}.",
                                check_environment));
    flags.push_back(daemon_flag("Oversubscription", "oversubscribed_resources_interval", "DURATION",
                                "15secs", "How often the estimator is asked.",
                                duration_between(1ms, 24h * 365)));
    flags.push_back(daemon_flag("Oversubscription", "qos_correction_interval_min", "DURATION",
                                "0ns",
                                "The least time between two corrections; one second at the least.",
                                duration_between(0s, 24h * 365)));
}

}  // namespace

Result<std::uint16_t> parse_handle(std::string_view text) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    std::uint16_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (error != std::errc{} || digits.empty() || end != digits.data() + digits.size())
        return fail(Errc::invalid_argument, "'{}' is not a number of 16 bits, such as 0x0012",
                    text);
    return value;
}

Result<std::vector<containerizer::NumberRange>> parse_port_ranges(std::string_view text) {
    const std::string_view whole = text;
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    std::vector<containerizer::NumberRange> ranges;
    for (const std::string& item : split(text, ',')) {
        const std::size_t dash = item.find('-');
        const auto first = parse_whole(std::string_view(item).substr(0, dash));
        const auto last = dash == std::string::npos
                              ? first
                              : parse_whole(std::string_view(item).substr(dash + 1));
        if (!first || !last || *first > *last || *last > 0xffff)
            return fail(Errc::invalid_argument, "'{}' is not a range of ports", item);
        ranges.emplace_back(static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last));
    }
    if (ranges.empty())
        return fail(Errc::invalid_argument, "'{}' names no ports; [0-35000] would", whole);
    return ranges;
}

Result<std::vector<containerizer::AllowedDevice>> parse_allowed_devices(std::string_view json) {
    mesos::v1::DeviceWhitelist list;
    TEPUI_CHECK_OK(wire::json_to_message(json, list));
    std::vector<containerizer::AllowedDevice> devices;
    for (const mesos::v1::DeviceAccess& each : list.allowed_devices()) {
        const auto& access = each.access();
        if (!each.device().path().starts_with('/'))
            return fail(Errc::invalid_argument,
                        "a device is named by its 'path' here, such as /dev/fuse");
        if (!access.read() && !access.write() && !access.mknod())
            return fail(Errc::invalid_argument, "'access' of '{}' allows nothing",
                        each.device().path());
        devices.push_back({each.device().path(), access.read(), access.write(), access.mknod()});
    }
    return devices;
}

Result<std::vector<Quantities>> parse_min_allocatable(std::string_view text) {
    std::vector<Quantities> sets;
    for (const std::string& set : split(text, '|')) {
        const Resources parsed = TEPUI_TRY(Resources::parse_flag(set));
        const Quantities quantities = parsed.scalars();
        if (quantities.empty() || quantities.size() != parsed.size())
            return fail(Errc::invalid_argument,
                        "'{}' is not a set of amounts, such as cpus:0.01;mem:32", set);
        sets.push_back(quantities);
    }
    return sets;
}

std::vector<Flag> isolation_flags() {
    std::vector<Flag> flags;
    add_cgroup_flags(flags);
    add_port_flags(flags);
    add_oversubscription_flags(flags);
    return flags;
}

Result<void> read_isolation_flags(const Parsed& parsed, agent::AgentOptions& options) {
    containerizer::CgroupOptions& cgroup = options.containerizer.cgroup;
    cgroup.limit_swap = parsed.enabled("cgroups_limit_swap");
    cgroup.revocable_cpu_low_priority = parsed.enabled("revocable_cpu_low_priority");
    if (parsed.given("cgroups_net_cls_primary_handle"))
        cgroup.net_cls_primary_handle =
            TEPUI_TRY(parse_handle(parsed.value("cgroups_net_cls_primary_handle")));
    if (parsed.given("cgroups_net_cls_secondary_handles")) {
        if (!cgroup.net_cls_primary_handle)
            return fail(Errc::invalid_argument,
                        "--cgroups_net_cls_secondary_handles needs "
                        "--cgroups_net_cls_primary_handle");
        cgroup.net_cls_secondary_handles =
            TEPUI_TRY(parse_handles(parsed.value("cgroups_net_cls_secondary_handles")));
    }
    if (parsed.given("allowed_devices"))
        cgroup.allowed_devices = TEPUI_TRY(parse_allowed_devices(parsed.value("allowed_devices")));
    cgroup.perf_events = split(parsed.value("perf_events"), ',');
    cgroup.perf_interval = duration_of(parsed, "perf_interval");
    cgroup.perf_duration = duration_of(parsed, "perf_duration");
    if (parsed.given("nvidia_gpu_devices"))
        options.containerizer.gpus.devices =
            TEPUI_TRY(parse_numbers(parsed.value("nvidia_gpu_devices")));

    containerizer::PortOptions& ports = options.containerizer.ports;
    ports.enforce = parsed.enabled("enforce_container_ports");
    ports.watch_interval = duration_of(parsed, "container_ports_watch_interval");
    ports.agent_range_only = parsed.enabled("check_agent_port_range_only");
    if (parsed.given("container_ports_isolated_range"))
        ports.isolated_range =
            TEPUI_TRY(parse_port_ranges(parsed.value("container_ports_isolated_range")));

    agent::OversubscriptionOptions& over = options.oversubscription;
    over.estimator = parsed.value("resource_estimator");
    over.estimator_parameters =
        TEPUI_TRY(parse_environment(parsed.value("resource_estimator_parameters")));
    over.controller = parsed.value("qos_controller");
    over.controller_parameters =
        TEPUI_TRY(parse_environment(parsed.value("qos_controller_parameters")));
    over.estimate_interval = duration_of(parsed, "oversubscribed_resources_interval");
    over.correction_interval_min = duration_of(parsed, "qos_correction_interval_min");
    // Made here once for their mistakes, which are the operator's.
    if (const auto made = agent::make_estimator(over.estimator, over.estimator_parameters); !made)
        return fail_with("--resource_estimator", made.error());
    if (const auto made = agent::make_qos_controller(over.controller, over.controller_parameters);
        !made)
        return fail_with("--qos_controller", made.error());
    return {};
}

}  // namespace tepui::cli
