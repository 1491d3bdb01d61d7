#include <charconv>

#include <fmt/core.h>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/daemon/isolation_flags.h"
#include "cli/daemon/limit_flags.h"
#include "cli/daemon/sharing_flags.h"
#include "cli/flags/checks.h"
#include "master/core/removal_rate.h"
#include "resources/resources.h"

namespace tepui::cli {

namespace {

constexpr std::uint64_t history_max = 10'000'000;

/// "role=weight,role=weight"; weights are positive.
Result<std::map<std::string, double>> parse_weights(std::string_view text) {
    std::map<std::string, double> weights;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        const std::size_t equals = item.find('=');
        double weight = 0;
        if (equals != std::string_view::npos) {
            const std::string_view digits = item.substr(equals + 1);
            const auto [end, error] =
                std::from_chars(digits.data(), digits.data() + digits.size(), weight);
            if (error != std::errc{} || end != digits.data() + digits.size()) weight = 0;
        }
        if (!(weight > 0)) {
            return fail(Errc::invalid_argument, "'{}' is not ROLE=WEIGHT with a weight above 0",
                        item);
        }
        const std::string role(item.substr(0, equals));
        TEPUI_CHECK_OK(validate_role(role));
        weights[role] = weight;
    }
    return weights;
}

Result<void> check_weights(std::string_view text) {
    const auto weights = parse_weights(text);
    if (!weights) return std::unexpected(weights.error());
    return {};
}

Result<void> check_removal_rate(std::string_view text) {
    const auto rate = master::parse_removal_rate(text);
    if (!rate) return std::unexpected(rate.error());
    return {};
}

Result<void> check_share(std::string_view text) {
    const auto share = master::parse_share(text);
    if (!share) return std::unexpected(share.error());
    return {};
}

FlagSet flags() {
    FlagSet set;
    set.environment_prefixes = {"TEPUI_", "MESOS_"};
    set.file_values = true;
    set.config_flag = "config";
    set.flags = network_flags("5050");
    const auto add = [&](Flag flag, std::vector<std::string> older = {}) {
        flag.older_names = std::move(older);
        set.flags.push_back(std::move(flag));
    };
    add(daemon_flag("Storage", "work_dir", "PATH", "",
                    "Where the registry and the log are kept. Needed unless --registry=in_memory.",
                    not_empty()));
    add(daemon_flag("Storage", "registry", "KIND", "sqlite",
                    "sqlite keeps what must not be forgotten in work_dir; in_memory forgets it "
                    "with the process. "
                    "replicated_log is taken as sqlite, with a note.",
                    one_of({"sqlite", "in_memory", "replicated_log"})));
    add(daemon_flag("Cluster", "cluster", "NAME", "", "The cluster's name, shown to people."));
    add(daemon_flag("Cluster", "weights", "ROLE=WEIGHT,...", "",
                    "Shares of roles, relative to 1. Weights set through the API later count more.",
                    check_weights));
    add(daemon_switch("Cluster", "root_submissions", "true",
                      "Whether frameworks may run tasks as root."));
    add(daemon_flag("Agents", "agent_ping_timeout", "DURATION", "15secs",
                    "How long an agent may take to answer a ping; from 1secs to 15mins.",
                    duration_between(1s, 15min)),
        {"slave_ping_timeout"});
    add(daemon_flag("Agents", "max_agent_ping_timeouts", "NUMBER", "5",
                    "Pings in a row that an agent may miss before it counts as unreachable.",
                    whole_number_between(1, 1'000'000)),
        {"max_slave_ping_timeouts"});
    add(daemon_flag("Agents", "agent_reregister_timeout", "DURATION", "10mins",
                    "How long an agent may stay away after its connection broke or the master "
                    "changed; at least "
                    "10mins.",
                    duration_between(10min, Duration::max())),
        {"slave_reregister_timeout"});
    add(daemon_flag("Agents", "agent_removal_rate_limit", "NUMBER/DURATION", "",
                    "How fast agents that failed are marked unreachable, as in 1/10mins; one that "
                    "comes back while it waits is left alone. Without it: at once.",
                    check_removal_rate),
        {"slave_removal_rate_limit"});
    add(daemon_flag("Agents", "recovery_agent_removal_limit", "PERCENT", "100%",
                    "When a larger share of the agents in the registry is not back "
                    "agent_reregister_timeout after this master began, it ends instead of marking "
                    "them unreachable.",
                    check_share),
        {"recovery_slave_removal_limit"});
    add(daemon_flag("Agents", "registry_gc_interval", "DURATION", "15mins",
                    "How often unreachable and gone agents are looked through for those to forget.",
                    duration_between(1s, Duration::max())));
    add(daemon_flag("Agents", "registry_max_agent_age", "DURATION", "2weeks",
                    "How long unreachable and gone agents are remembered.",
                    duration_between(0s, Duration::max())));
    add(daemon_flag("Agents", "registry_max_agent_count", "NUMBER", "102400",
                    "How many unreachable agents, and as many gone ones, are remembered; the "
                    "oldest are forgotten first.",
                    whole_number_between(0, history_max)));
    add(daemon_flag("Offers", "allocation_interval", "DURATION", "1secs",
                    "The least time for which a refused offer is not made again. Offers themselves "
                    "go out as soon as "
                    "resources are free.",
                    duration_between(1ms, 24h)));
    add(daemon_flag("Offers", "offer_timeout", "DURATION", "",
                    "Take an offer back that was not answered for this long. Without it: never.",
                    duration_between(1ms, Duration::max())));
    add(daemon_flag("Offers", "min_allocatable_resources", "RESOURCES", "cpus:0.01|mem:32",
                    "An offer holds all amounts of at least one of these sets, which have | "
                    "between them: cpus:1;mem:64|gpus:1. Empty: any will do.",
                    [](std::string_view text) -> Result<void> {
                        const auto sets = parse_min_allocatable(text);
                        if (!sets) return std::unexpected(sets.error());
                        return {};
                    }));
    add(daemon_switch("Offers", "filter_gpu_resources", "true",
                      "Offer agents with GPUs only to frameworks with the capability "
                      "GPU_RESOURCES."));
    for (Flag& flag : master_sharing_flags()) set.flags.push_back(std::move(flag));
    add(daemon_flag("History", "max_completed_frameworks", "NUMBER", "50",
                    "Completed frameworks that are remembered.",
                    whole_number_between(0, history_max)));
    add(daemon_flag("History", "max_completed_tasks_per_framework", "NUMBER", "1000",
                    "Ended tasks that are remembered of each framework.",
                    whole_number_between(0, history_max)));
    add(daemon_flag("History", "max_unreachable_tasks_per_framework", "NUMBER", "1000",
                    "Tasks on unreachable agents that are remembered of each framework.",
                    whole_number_between(0, history_max)));
    add(daemon_flag("History", "operator_event_history", "NUMBER", "10000",
                    "Events that are kept for readers of the operator event stream who come back.",
                    whole_number_between(0, history_max)));
    add(daemon_flag("Limits", "max_operator_event_stream_subscribers", "NUMBER", "1000",
                    "Operator event streams that are open at a time; a new one closes the oldest.",
                    whole_number_between(1, history_max)));
    for (Flag& flag : master_limit_flags()) set.flags.push_back(std::move(flag));
    add(daemon_switch("Metrics", "publish_per_framework_metrics", "true",
                      "Whether /metrics and /metrics/snapshot tell of each framework by itself."));
    add(config_flag());
    for (Flag& flag : logging_flags()) set.flags.push_back(std::move(flag));
    set.foreign = foreign_master_flags();
    return set;
}

Manual manual() {
    Manual page;
    page.name = "master";
    page.summary = "run a master";
    page.synopsis = {"master --work_dir=PATH [FLAG]..."};
    page.description = {
        "Runs a master in the foreground until SIGTERM or SIGINT: agents register with it, and "
        "schedulers get "
        "offers from it, through the Mesos v1 HTTP API.",
        "Flags have the names they have in Mesos; dashes do as well as underscores, and a value of "
        "the form "
        "file:///PATH is read from that file. Each flag may also be set by its environment "
        "variable: TEPUI_NAME counts more than MESOS_NAME, and the command line more than both. A "
        "flag of Mesos that this version does not act on is refused and never ignored.",
        "Beneath all of these is the file of --config (or TEPUI_CONFIG), with a line FLAG = VALUE "
        "for each flag; a mistake in it is told with the line it stands in.",
        "A master that stops and starts again with the same work_dir finds its agents, frameworks "
        "and tasks again.",
    };
    page.examples = {
        {"tepui master --work_dir=/var/lib/tepui/master", "on 127.0.0.1:5050"},
        {"MESOS_WORK_DIR=/tmp/m tepui master --port=7000 --registry=in_memory", "for a test"},
    };
    return page;
}

Duration duration_of(const Parsed& parsed, std::string_view name) {
    return parse_duration(parsed.value(name))
        .value_or(Duration{});  // The flag's check has read it.
}

std::uint64_t number_of(const Parsed& parsed, std::string_view name) {
    return parse_whole(parsed.value(name)).value_or(0);
}

}  // namespace

Result<master::MasterOptions> make_master_options(const Parsed& parsed) {
    TEPUI_CHECK_OK(check_listen(parsed));
    master::MasterOptions options;
    options.ip = parsed.value("ip");
    options.port = static_cast<std::uint16_t>(number_of(parsed, "port"));
    options.hostname = parsed.value("hostname");
    options.advertise_ip = parsed.value("advertise_ip");
    if (parsed.given("advertise_port")) {
        options.advertise_port = static_cast<std::uint16_t>(number_of(parsed, "advertise_port"));
    }
    options.cluster = parsed.value("cluster");
    const bool in_memory = parsed.value("registry") == "in_memory";
    options.registry = in_memory ? master::RegistryKind::in_memory : master::RegistryKind::sqlite;
    if (parsed.given("work_dir")) options.work_dir = absolute_path(parsed.value("work_dir"));
    if (options.work_dir.empty() && !in_memory) {
        return fail(Errc::invalid_argument, "--work_dir is missing; the registry is kept there");
    }
    options.core.agent_ping_timeout = duration_of(parsed, "agent_ping_timeout");
    options.core.max_agent_ping_timeouts =
        static_cast<std::uint32_t>(number_of(parsed, "max_agent_ping_timeouts"));
    options.core.agent_reregister_timeout = duration_of(parsed, "agent_reregister_timeout");
    if (parsed.given("agent_removal_rate_limit")) {
        options.core.agent_removal_rate_limit =
            TEPUI_TRY(master::parse_removal_rate(parsed.value("agent_removal_rate_limit")));
    }
    options.core.recovery_agent_removal_limit =
        TEPUI_TRY(master::parse_share(parsed.value("recovery_agent_removal_limit")));
    options.core.registry_gc_interval = duration_of(parsed, "registry_gc_interval");
    options.core.registry_max_agent_age = duration_of(parsed, "registry_max_agent_age");
    options.core.registry_max_agent_count = number_of(parsed, "registry_max_agent_count");
    options.core.allocation_interval = duration_of(parsed, "allocation_interval");
    options.core.min_allocatable =
        TEPUI_TRY(parse_min_allocatable(parsed.value("min_allocatable_resources")));
    options.core.filter_gpu_resources = parsed.enabled("filter_gpu_resources");
    if (parsed.given("offer_timeout"))
        options.core.offer_timeout = duration_of(parsed, "offer_timeout");
    options.core.max_completed_frameworks = number_of(parsed, "max_completed_frameworks");
    options.core.max_completed_tasks_per_framework =
        number_of(parsed, "max_completed_tasks_per_framework");
    options.core.max_unreachable_tasks_per_framework =
        number_of(parsed, "max_unreachable_tasks_per_framework");
    options.operator_streams.history_max = number_of(parsed, "operator_event_history");
    options.operator_streams.subscribers_max =
        number_of(parsed, "max_operator_event_stream_subscribers");
    options.core.root_submissions = parsed.enabled("root_submissions");
    options.core.weights = TEPUI_TRY(parse_weights(parsed.value("weights")));
    TEPUI_CHECK_OK(read_master_sharing(parsed, options));
    options.core.limits = read_master_limits(parsed);
    read_server_limits(parsed, options.http);
    options.publish_per_framework_metrics = parsed.enabled("publish_per_framework_metrics");
    options.log = log_options(parsed);
    options.flags = parsed.all();
    return options;
}

Verb master_page() { return Verb{manual(), flags(), nullptr}; }

}  // namespace tepui::cli
