#include <fmt/core.h>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/daemon/docker_flags.h"
#include "cli/daemon/environment.h"
#include "cli/daemon/fetcher_flags.h"
#include "cli/daemon/image_flags.h"
#include "cli/daemon/isolation_flags.h"
#include "cli/daemon/limit_flags.h"
#include "cli/daemon/network_flags.h"
#include "cli/daemon/security_flags.h"
#include "cli/daemon/storage_flags.h"
#include "cli/flags/checks.h"

namespace tepui::cli {

namespace {

FlagSet flags() {
    FlagSet set;
    set.environment_prefixes = {"TEPUI_", "MESOS_"};
    set.file_values = true;
    set.config_flag = "config";
    const auto add = [&](Flag flag) { set.flags.push_back(std::move(flag)); };
    add(daemon_flag("Cluster", "master", "HOST:PORT,...", "",
                    "The master to register with; several with commas between them. Needed.",
                    not_empty()));
    for (Flag& flag : network_flags("5051")) set.flags.push_back(std::move(flag));
    add(daemon_flag("Storage", "work_dir", "PATH", "",
                    "Where sandboxes and checkpoints are kept. Needed. It must survive a restart "
                    "of the agent: its "
                    "tasks are found again through it.",
                    not_empty()));
    add(daemon_flag("Storage", "runtime_dir", "PATH", "",
                    "Where the containers' sockets are. Without it: work_dir/run, or a short path "
                    "in /run made from "
                    "work_dir if that is long.",
                    not_empty()));
    add(daemon_flag("Storage", "gc_delay", "DURATION", "1weeks",
                    "How long sandboxes of ended tasks are kept.",
                    duration_between(0s, Duration::max())));
    add(daemon_switch("Storage", "strict", "true",
                      "Do not start on a checkpoint that cannot be read. Otherwise what it was of "
                      "is given up, and named in the log."));
    add(daemon_flag("Storage", "recover", "MODE", "reconnect",
                    "reconnect takes over the tasks that an earlier agent with this work_dir left; "
                    "cleanup ends them, and then the agent, whose next start is that of a new one.",
                    one_of({"reconnect", "cleanup"})));
    add(daemon_flag("Storage", "recovery_timeout", "DURATION", "15mins",
                    "How long tasks and executors of an agent that is gone wait for it to start "
                    "again; then they end. Those of frameworks without checkpoints do not wait.",
                    duration_between(0s, 24h * 365)));
    add(daemon_flag("Storage", "reconfiguration_policy", "POLICY", "equal",
                    "How the agent may differ from what it was when it registered: equal is not at "
                    "all; with additive resources and attributes may grow and be added, and a "
                    "domain may be set.",
                    one_of({"equal", "additive"})));
    add(daemon_flag("Resources", "resources", "RESOURCES", "",
                    "What is offered: cpus:4;mem:4096;disk:10000;ports:[31000-32000], reserved "
                    "with name(role):value, or "
                    "JSON. What is not named is detected."));
    add(daemon_flag("Resources", "attributes", "ATTRIBUTES", "",
                    "What distinguishes this machine: rack:r1;ssd:1."));
    add(daemon_flag("Resources", "default_role", "ROLE", "*", "The role of resources without one.",
                    not_empty()));
    add(daemon_flag("Containers", "isolation", "NAME,...",
                    "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,"
                    "posix/rlimits",
                    "The isolators. posix/cpu,posix/mem isolates nothing, and needs no rights.",
                    not_empty()));
    add(daemon_flag("Containers", "cgroups_root", "NAME", "",
                    "The cgroup beneath which the containers' cgroups are. No other agent of the "
                    "machine may have the "
                    "same. Without it: tepui/ and a tag made from work_dir.",
                    not_empty()));
    add(daemon_switch("Containers", "cgroups_enable_cfs", "false",
                      "Hold tasks to their CPUs by quota, also when the machine is idle."));
    add(daemon_switch(
        "Containers", "switch_user", "true",
        "Run tasks as the user they name. Needs root. Otherwise they run as the agent."));
    add(daemon_flag("Containers", "default_user", "USER", "",
                    "Whom tasks run as that name no user. Without it: the agent's user."));
    add(daemon_flag("Containers", "launcher_dir", "PATH", "",
                    "Where the programs tepui-shim and tepui-unpack are. Without it: beside this "
                    "program, or in "
                    "../lib/tepui.",
                    not_empty()));
    add(daemon_flag("Containers", "frameworks_home", "PATH", "",
                    "Where the relative URIs of tasks begin. Without it they are refused.",
                    not_empty()));
    add(daemon_flag("Containers", "executor_registration_timeout", "DURATION", "1mins",
                    "How long a custom executor may take from its start to its subscription; then "
                    "it is ended, and its tasks fail.",
                    duration_between(0s, Duration::max())));
    add(daemon_flag("Containers", "executor_reregistration_timeout", "DURATION", "2secs",
                    "How long a restarted agent waits for custom executors to subscribe again "
                    "before it ends them; it registers with the master after that.",
                    duration_between(0s, 15s)));
    add(daemon_flag("Containers", "executor_shutdown_grace_period", "DURATION", "5secs",
                    "What an executor that is told to end gets before its container is destroyed, "
                    "where it does not say itself.",
                    duration_between(0s, Duration::max())));
    add(daemon_flag("Containers", "executor_environment_variables", "JSON", "",
                    "Variables of every task, beneath those of its command: {\"PATH\": \"/bin\"}. "
                    "Nothing of the agent's own environment reaches a task.",
                    check_environment));
    add(daemon_flag("Cluster", "registration_backoff_factor", "DURATION", "1secs",
                    "Pause before another attempt to register; it doubles up to 1mins.",
                    duration_between(1ms, 1min)));
    add(daemon_flag("History", "max_completed_executors_per_framework", "NUMBER", "150",
                    "Ended executors that are remembered of each framework.",
                    whole_number_between(0, 10'000'000)));
    for (Flag& flag : fetcher_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : storage_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : isolation_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : network_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : security_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : image_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : docker_flags()) set.flags.push_back(std::move(flag));
    for (Flag& flag : server_limit_flags("10000")) set.flags.push_back(std::move(flag));
    add(
        message_limit_flag("The longest message of an executor to its framework; a longer one is "
                           "answered 413."));
    add(config_flag());
    for (Flag& flag : logging_flags()) set.flags.push_back(std::move(flag));
    set.foreign = foreign_agent_flags();
    return set;
}

Manual manual() {
    Manual page;
    page.name = "agent";
    page.summary = "run an agent, which runs tasks on this machine";
    page.synopsis = {"agent --master=HOST:PORT --work_dir=PATH [FLAG]..."};
    page.description = {
        "Runs an agent in the foreground: it offers this machine's resources through the master "
        "and runs the tasks "
        "that come.",
        "SIGTERM and SIGINT end the agent and leave its tasks running; an agent started again with "
        "the same work_dir "
        "takes them over. SIGUSR1 ends the tasks, unregisters the agent and then ends it; the next "
        "start is that of a new agent. A second signal ends the process at once.",
        "Flags have the names they have in Mesos; dashes do as well as underscores, and a value of "
        "the form "
        "file:///PATH is read from that file. Each flag may also be set by its environment "
        "variable: TEPUI_NAME counts more than MESOS_NAME, and the command line more than both. A "
        "flag of Mesos that this version does not act on is refused and never ignored.",
        "Beneath all of these is the file of --config (or TEPUI_CONFIG), with a line FLAG = VALUE "
        "for each flag; a mistake in it is told with the line it stands in.",
    };
    page.examples = {
        {"tepui agent --master=127.0.0.1:5050 --work_dir=/var/lib/tepui/agent",
         "offers the whole machine"},
        {"tepui agent --master=127.0.0.1:5050 --work_dir=/tmp/a --resources='cpus:2;mem:1024' "
         "--attributes=rack:r1",
         "offers a part of it"},
    };
    return page;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        if (!item.empty()) items.emplace_back(item);
    }
    return items;
}

Duration duration_of(const Parsed& parsed, std::string_view name) {
    return parse_duration(parsed.value(name))
        .value_or(Duration{});  // The flag's check has read it.
}

}  // namespace

Result<agent::AgentOptions> make_agent_options(const Parsed& parsed,
                                               const AgentSurroundings& around) {
    TEPUI_CHECK_OK(check_listen(parsed));
    if (!parsed.given("master")) {
        return fail(Errc::invalid_argument,
                    "--master is missing; whom shall the agent register with?");
    }
    if (!parsed.given("work_dir")) {
        return fail(Errc::invalid_argument,
                    "--work_dir is missing; sandboxes and checkpoints are kept there");
    }
    if (parsed.value("master").starts_with("zk://")) {
        return fail(Errc::invalid_argument,
                    "--master={}: this version does not ask ZooKeeper; name the master as "
                    "HOST:PORT",
                    parsed.value("master"));
    }
    agent::AgentOptions options;
    options.master = parsed.value("master");
    options.ip = parsed.value("ip");
    options.port = static_cast<std::uint16_t>(parse_whole(parsed.value("port")).value_or(0));
    options.hostname = parsed.value("hostname");
    options.advertise_ip = parsed.value("advertise_ip");
    if (parsed.given("advertise_port")) {
        options.advertise_port =
            static_cast<std::uint16_t>(parse_whole(parsed.value("advertise_port")).value_or(0));
    }
    options.work_dir = absolute_path(parsed.value("work_dir"));
    options.runtime_dir =
        parsed.given("runtime_dir")
            ? absolute_path(parsed.value("runtime_dir"))
            : agent_runtime_dir(options.work_dir, around.uid, around.xdg_runtime_dir);
    options.resources = parsed.value("resources");
    options.attributes = parsed.value("attributes");
    options.default_role = parsed.value("default_role");

    const bool given_dir = parsed.given("launcher_dir");
    const std::string launcher_dir =
        given_dir ? absolute_path(parsed.value("launcher_dir")) : around.program_dir;
    options.containerizer.shim_path = launcher_dir + "/tepui-shim";
    options.containerizer.cgroups_root = parsed.given("cgroups_root")
                                             ? parsed.value("cgroups_root")
                                             : agent_cgroups_root(options.work_dir);
    options.containerizer.isolation = split_list(parsed.value("isolation"));
    if (parsed.given("frameworks_home")) {
        options.containerizer.frameworks_home = absolute_path(parsed.value("frameworks_home"));
    }
    read_fetcher_flags(parsed, options.containerizer);
    options.task_environment =
        TEPUI_TRY(parse_environment(parsed.value("executor_environment_variables")));
    options.core.strict = parsed.enabled("strict");
    options.core.recover = parsed.value("recover") == "cleanup" ? agent::RecoverMode::cleanup
                                                                : agent::RecoverMode::reconnect;
    options.core.recovery_timeout = duration_of(parsed, "recovery_timeout");
    options.containerizer.recovery_timeout = options.core.recovery_timeout;
    options.core.reconfiguration = parsed.value("reconfiguration_policy") == "additive"
                                       ? agent::ReconfigurationPolicy::additive
                                       : agent::ReconfigurationPolicy::equal;
    options.containerizer.cgroups_enable_cfs = parsed.enabled("cgroups_enable_cfs");
    options.containerizer.switch_user = parsed.enabled("switch_user");
    options.core.switch_user = options.containerizer.switch_user;
    options.core.default_user =
        parsed.given("default_user") ? parsed.value("default_user") : around.user;
    options.core.registration_backoff = duration_of(parsed, "registration_backoff_factor");
    options.core.gc_delay = duration_of(parsed, "gc_delay");
    options.core.executor_registration_timeout =
        duration_of(parsed, "executor_registration_timeout");
    options.core.executor_reregistration_timeout =
        duration_of(parsed, "executor_reregistration_timeout");
    options.core.executor_shutdown_grace = duration_of(parsed, "executor_shutdown_grace_period");
    options.core.max_completed_executors_per_framework =
        parse_whole(parsed.value("max_completed_executors_per_framework")).value_or(0);
    options.core.message_bytes_max = bytes_of(parsed, "max_message_bytes");
    read_server_limits(parsed, options.http);
    read_storage_flags(parsed, options);
    TEPUI_CHECK_OK(read_isolation_flags(parsed, options));
    TEPUI_CHECK_OK(read_network_flags(parsed, options.containerizer.networks));
    TEPUI_CHECK_OK(read_security_flags(parsed, options.containerizer.security));
    TEPUI_CHECK_OK(read_image_flags(parsed, options.containerizer));
    TEPUI_CHECK_OK(read_docker_flags(parsed, options.containerizer));
    options.log = log_options(parsed);
    options.flags = parsed.all();
    // Passwords: /flags and the state show that there are some, and no more.
    if (!options.containerizer.images.docker_config.empty())
        options.flags["docker_config"] = "(hidden)";
    return options;
}

Verb agent_page() { return Verb{manual(), flags(), nullptr}; }

}  // namespace tepui::cli
