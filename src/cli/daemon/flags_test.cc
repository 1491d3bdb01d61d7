#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/daemon/daemon.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;

Result<Parsed> parse(const Verb& verb, std::vector<std::string> arguments,
                     std::map<std::string, std::string> variables = {}) {
    return parse_flags(verb.flags, arguments,
                       [&](const std::string& name) -> std::optional<std::string> {
                           const auto it = variables.find(name);
                           if (it == variables.end()) return std::nullopt;
                           return it->second;
                       });
}

Result<master::MasterOptions> master_options(std::vector<std::string> arguments,
                                             std::map<std::string, std::string> variables = {}) {
    static const Verb verb = master_page();
    const auto parsed = parse(verb, std::move(arguments), std::move(variables));
    if (!parsed) return std::unexpected(parsed.error());
    return make_master_options(*parsed);
}

Result<agent::AgentOptions> agent_options(std::vector<std::string> arguments) {
    static const Verb verb = agent_page();
    const auto parsed = parse(verb, std::move(arguments));
    if (!parsed) return std::unexpected(parsed.error());
    return make_agent_options(*parsed, AgentSurroundings{0, "root", "", "/opt/tepui/bin"});
}

TEST(MasterFlags, DefaultsAreThoseOfMesosButForTheAddress) {
    const auto options = master_options({"--work_dir=/w"});
    ASSERT_TRUE(options) << options.error().text;
    EXPECT_EQ(options->ip, "127.0.0.1");
    EXPECT_EQ(options->port, 5050);
    EXPECT_EQ(options->work_dir, "/w");
    EXPECT_EQ(options->registry, master::RegistryKind::sqlite);
    const master::CoreConfig defaults;
    EXPECT_EQ(options->core.agent_ping_timeout, defaults.agent_ping_timeout);
    EXPECT_EQ(options->core.max_agent_ping_timeouts, defaults.max_agent_ping_timeouts);
    EXPECT_EQ(options->core.agent_reregister_timeout, defaults.agent_reregister_timeout);
    EXPECT_EQ(options->core.allocation_interval, defaults.allocation_interval);
    EXPECT_EQ(options->core.offer_timeout, std::nullopt);
    EXPECT_EQ(options->core.max_completed_frameworks, defaults.max_completed_frameworks);
    EXPECT_EQ(options->core.max_completed_tasks_per_framework,
              defaults.max_completed_tasks_per_framework);
    EXPECT_EQ(options->core.max_unreachable_tasks_per_framework,
              defaults.max_unreachable_tasks_per_framework);
    EXPECT_EQ(options->core.agent_removal_rate_limit, std::nullopt);
    EXPECT_EQ(options->core.recovery_agent_removal_limit, 1.0);
    EXPECT_EQ(options->core.registry_gc_interval, defaults.registry_gc_interval);
    EXPECT_EQ(options->core.registry_max_agent_age, defaults.registry_max_agent_age);
    EXPECT_EQ(options->core.registry_max_agent_count, defaults.registry_max_agent_count);
    const master::OperatorStreamOptions streams;
    EXPECT_EQ(options->operator_streams.history_max, streams.history_max);
    EXPECT_EQ(options->operator_streams.subscribers_max, streams.subscribers_max);
    EXPECT_TRUE(options->core.root_submissions);
    const master::Limits limits;
    EXPECT_EQ(options->core.limits.frameworks, limits.frameworks);
    EXPECT_EQ(options->core.limits.tasks, limits.tasks);
    EXPECT_EQ(options->core.limits.tasks_per_framework, limits.tasks_per_framework);
    EXPECT_EQ(options->core.limits.attributes_per_agent, limits.attributes_per_agent);
    EXPECT_EQ(options->core.limits.labels, limits.labels);
    EXPECT_EQ(options->core.limits.task_data_bytes, limits.task_data_bytes);
    EXPECT_EQ(options->core.limits.message_bytes, limits.message_bytes);
    EXPECT_EQ(options->http.body_bytes_max, http::ServerOptions{}.body_bytes_max);
    EXPECT_TRUE(options->publish_per_framework_metrics);
    EXPECT_TRUE(options->log.to_stderr);
}

TEST(MasterFlags, EveryFlagArrives) {
    const auto options = master_options({"--registry=in_memory",
                                         "--port=7000",
                                         "--hostname=h",
                                         "--cluster=c",
                                         "--weights=a=2,b=0.5",
                                         "--no-root_submissions",
                                         "--agent_ping_timeout=1secs",
                                         "--max_agent_ping_timeouts=2",
                                         "--agent_reregister_timeout=20mins",
                                         "--offer_timeout=30secs",
                                         "--max_completed_frameworks=1",
                                         "--max_completed_tasks_per_framework=2",
                                         "--max_unreachable_tasks_per_framework=3",
                                         "--quiet",
                                         "--logging_level=ERROR",
                                         "--allocation_interval=2secs",
                                         "--log_dir=/logs",
                                         "--advertise_ip=192.0.2.1",
                                         "--advertise_port=9",
                                         "--agent_removal_rate_limit=2/1hrs",
                                         "--recovery_agent_removal_limit=50%",
                                         "--registry_gc_interval=1mins",
                                         "--registry_max_agent_age=1days",
                                         "--registry_max_agent_count=7",
                                         "--operator_event_history=5",
                                         "--max_operator_event_stream_subscribers=6",
                                         "--max_frameworks=11",
                                         "--max_tasks=12",
                                         "--max_tasks_per_framework=13",
                                         "--max_attributes_per_agent=14",
                                         "--max_labels=15",
                                         "--max_task_data_bytes=16KB",
                                         "--max_message_bytes=17MB",
                                         "--max_connections=18",
                                         "--max_connections_per_ip=19",
                                         "--max_request_bytes=20KB",
                                         "--no-publish_per_framework_metrics"});
    ASSERT_TRUE(options) << options.error().text;
    EXPECT_EQ(options->core.limits.frameworks, 11U);
    EXPECT_EQ(options->core.limits.tasks, 12U);
    EXPECT_EQ(options->core.limits.tasks_per_framework, 13U);
    EXPECT_EQ(options->core.limits.attributes_per_agent, 14U);
    EXPECT_EQ(options->core.limits.labels, 15U);
    EXPECT_EQ(options->core.limits.task_data_bytes, 16U << 10);
    EXPECT_EQ(options->core.limits.message_bytes, 17U << 20);
    EXPECT_EQ(options->http.connections_max, 18U);
    EXPECT_EQ(options->http.connections_per_ip_max, 19U);
    EXPECT_EQ(options->http.body_bytes_max, 20U << 10);
    EXPECT_FALSE(options->publish_per_framework_metrics);
    EXPECT_EQ(options->operator_streams.history_max, 5U);
    EXPECT_EQ(options->operator_streams.subscribers_max, 6U);
    EXPECT_EQ(options->core.agent_removal_rate_limit, (master::RemovalRate{2, 1h}));
    EXPECT_EQ(options->core.recovery_agent_removal_limit, 0.5);
    EXPECT_EQ(options->core.registry_gc_interval, Duration(1min));
    EXPECT_EQ(options->core.registry_max_agent_age, Duration(24h));
    EXPECT_EQ(options->core.registry_max_agent_count, 7U);
    EXPECT_EQ(options->registry, master::RegistryKind::in_memory);
    EXPECT_EQ(options->port, 7000);
    EXPECT_EQ(options->hostname, "h");
    EXPECT_EQ(options->cluster, "c");
    EXPECT_EQ(options->core.weights, (std::map<std::string, double>{{"a", 2}, {"b", 0.5}}));
    EXPECT_FALSE(options->core.root_submissions);
    EXPECT_EQ(options->core.agent_ping_timeout, Duration(1s));
    EXPECT_EQ(options->core.max_agent_ping_timeouts, 2U);
    EXPECT_EQ(options->core.agent_reregister_timeout, Duration(20min));
    EXPECT_EQ(options->core.offer_timeout, Duration(30s));
    EXPECT_EQ(options->core.allocation_interval, Duration(2s));
    EXPECT_EQ(options->core.max_completed_frameworks, 1U);
    EXPECT_EQ(options->core.max_completed_tasks_per_framework, 2U);
    EXPECT_EQ(options->core.max_unreachable_tasks_per_framework, 3U);
    EXPECT_FALSE(options->log.to_stderr);
    EXPECT_EQ(options->log.least, Severity::error);
    EXPECT_EQ(options->log.directory, "/logs");
    EXPECT_EQ(options->advertise_ip, "192.0.2.1");
    EXPECT_EQ(options->advertise_port, 9);
    EXPECT_EQ(options->flags.at("cluster"), "c");
}

TEST(MasterFlags, Refusals) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{}, "--work_dir is missing"},
        {{"--work_dir=/w", "--ip=0.0.0.0"}, "--insecure_listen"},
        {{"--work_dir=/w", "--ip=::"}, "--insecure_listen"},
        {{"--work_dir=/w", "--ip=nowhere"}, "not an IP address"},
        {{"--work_dir=/w", "--weights=a=-1"}, "ROLE=WEIGHT"},
        {{"--work_dir=/w", "--weights=bad role=1"}, "--weights"},
        {{"--work_dir=/w", "--zk=zk://h/mesos"}, "no election"},
        {{"--work_dir=/w", "--authenticate_frameworks"}, "nobody is authenticated"},
        {{"--work_dir=/w", "--agent_reregister_timeout=1mins"}, "10mins"},
        {{"--work_dir=/w", "--agent_removal_rate_limit=10mins"}, "1/10mins"},
        {{"--work_dir=/w", "--recovery_agent_removal_limit=2"}, "0% to 100%"},
        {{"--work_dir=/w", "--work_dri=/x"}, "--work_dir"},
        {{"--work_dir=/w", "--quorum=2"}, "--quorum"},
        {{"--work_dir=/w", "--max_request_bytes=1KB"}, "from 4KB to 1GB"},
        {{"--work_dir=/w", "--max_request_bytes=10"}, "--max_request_bytes"},
    };
    for (const auto& [arguments, hint] : cases) {
        const auto options = master_options(arguments);
        ASSERT_FALSE(options) << testing::PrintToString(arguments);
        EXPECT_EQ(options.error().code, Errc::invalid_argument);
        EXPECT_THAT(options.error().text, HasSubstr(hint));
    }
    EXPECT_TRUE(master_options({"--work_dir=/w", "--ip=0.0.0.0", "--insecure_listen"}));
    EXPECT_TRUE(master_options({"--work_dir=/w", "--ip=127.1.2.3"}));
    EXPECT_TRUE(master_options(
        {"--work_dir=/w", "--quorum=1", "--authenticate_frameworks=false", "--logbufsecs=3"}));
}

TEST(MasterFlags, AConfigFileThatIsNotThere) {
    const auto options = master_options({"--work_dir=/w", "--config=/no/such/file"});
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().code, Errc::not_found);
    EXPECT_THAT(options.error().text, HasSubstr("/no/such/file"));
}

TEST(MasterFlags, EnvironmentOfMesosCounts) {
    const auto options = master_options(
        {}, {{"MESOS_WORK_DIR", "/m"}, {"MESOS_PORT", "6000"}, {"TEPUI_PORT", "6001"}});
    ASSERT_TRUE(options) << options.error().text;
    EXPECT_EQ(options->work_dir, "/m");
    EXPECT_EQ(options->port, 6001);
    const auto refused = master_options({"--work_dir=/w"}, {{"MESOS_ZK", "zk://h/mesos"}});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text, HasSubstr("MESOS_ZK"));
}

TEST(AgentFlags, DefaultsKeepAgentsOfOneHostApart) {
    const auto one = agent_options({"--master=127.0.0.1:5050", "--work_dir=/a"});
    const auto two = agent_options({"--master=127.0.0.1:5050", "--work_dir=/b"});
    ASSERT_TRUE(one) << one.error().text;
    ASSERT_TRUE(two);
    EXPECT_NE(one->containerizer.cgroups_root, two->containerizer.cgroups_root);
    EXPECT_NE(one->runtime_dir, two->runtime_dir);
    EXPECT_EQ(one->containerizer.shim_path, "/opt/tepui/bin/tepui-shim");
    EXPECT_EQ(one->core.default_user, "root");
    EXPECT_EQ(one->core.gc_delay, Duration(24h * 7));
    EXPECT_EQ(one->containerizer.isolation, containerizer::Options{}.isolation);
    EXPECT_EQ(one->containerizer.frameworks_home, "");
    EXPECT_TRUE(one->task_environment.empty());
    EXPECT_TRUE(one->core.strict);
    EXPECT_EQ(one->core.recover, agent::RecoverMode::reconnect);
    EXPECT_EQ(one->containerizer.recovery_timeout, Duration(15min));
    EXPECT_EQ(one->core.reconfiguration, agent::ReconfigurationPolicy::equal);
    EXPECT_EQ(one->core.executor_registration_timeout, Duration(1min));
    EXPECT_EQ(one->core.executor_reregistration_timeout, Duration(2s));
    EXPECT_EQ(one->core.executor_shutdown_grace, Duration(5s));
    EXPECT_FALSE(agent_options(
        {"--master=127.0.0.1:5050", "--work_dir=/a", "--executor_reregistration_timeout=16secs"}));
    EXPECT_EQ(one->log.directory, "");
    EXPECT_EQ(one->advertise_ip, "");
    EXPECT_EQ(one->advertise_port, 0);
}

TEST(AgentFlags, EveryFlagArrives) {
    const auto options =
        agent_options({"--master=h:1,i:2",
                       "--work_dir=/a",
                       "--port=7001",
                       "--hostname=h",
                       "--runtime_dir=/r",
                       "--resources=cpus:1",
                       "--attributes=rack:1",
                       "--default_role=prod",
                       "--isolation=posix/cpu,posix/mem",
                       "--cgroups_root=mine",
                       "--cgroups_enable_cfs",
                       "--no-switch_user",
                       "--default_user=nobody",
                       "--launcher_dir=/l",
                       "--gc_delay=1days",
                       "--registration_backoff_factor=2secs",
                       "--max_completed_executors_per_framework=4",
                       "--frameworks_home=/f",
                       "--executor_environment_variables={\"PATH\": \"/p\", \"A\": \"\"}",
                       "--strict=false",
                       "--recover=cleanup",
                       "--recovery_timeout=3mins",
                       "--reconfiguration_policy=additive",
                       "--executor_registration_timeout=4mins",
                       "--executor_reregistration_timeout=15secs",
                       "--executor_shutdown_grace_period=6secs",
                       "--log_dir=/logs",
                       "--logging_level=WARNING",
                       "--max_connections=21",
                       "--max_connections_per_ip=22",
                       "--max_request_bytes=23KB",
                       "--max_message_bytes=24B",
                       "--advertise_ip=192.0.2.1",
                       "--advertise_port=9"});
    ASSERT_TRUE(options) << options.error().text;
    EXPECT_EQ(options->master, "h:1,i:2");
    EXPECT_EQ(options->port, 7001);
    EXPECT_EQ(options->runtime_dir, "/r");
    EXPECT_EQ(options->resources, "cpus:1");
    EXPECT_EQ(options->attributes, "rack:1");
    EXPECT_EQ(options->default_role, "prod");
    EXPECT_THAT(options->containerizer.isolation, testing::ElementsAre("posix/cpu", "posix/mem"));
    EXPECT_EQ(options->containerizer.cgroups_root, "mine");
    EXPECT_TRUE(options->containerizer.cgroups_enable_cfs);
    EXPECT_FALSE(options->containerizer.switch_user);
    EXPECT_FALSE(options->core.switch_user);
    EXPECT_EQ(options->core.default_user, "nobody");
    EXPECT_EQ(options->containerizer.shim_path, "/l/tepui-shim");
    EXPECT_EQ(options->core.gc_delay, Duration(24h));
    EXPECT_EQ(options->core.registration_backoff, Duration(2s));
    EXPECT_EQ(options->core.executor_registration_timeout, Duration(4min));
    EXPECT_EQ(options->core.executor_reregistration_timeout, Duration(15s));
    EXPECT_EQ(options->core.executor_shutdown_grace, Duration(6s));
    EXPECT_EQ(options->core.max_completed_executors_per_framework, 4U);
    EXPECT_EQ(options->containerizer.frameworks_home, "/f");
    EXPECT_EQ(options->task_environment,
              (std::map<std::string, std::string>{{"PATH", "/p"}, {"A", ""}}));
    EXPECT_EQ(options->log.least, Severity::warning);
    EXPECT_EQ(options->http.connections_max, 21U);
    EXPECT_EQ(options->http.connections_per_ip_max, 22U);
    EXPECT_EQ(options->http.body_bytes_max, 23U << 10);
    EXPECT_EQ(options->core.message_bytes_max, 24U);
    EXPECT_FALSE(options->core.strict);
    EXPECT_EQ(options->core.recover, agent::RecoverMode::cleanup);
    EXPECT_EQ(options->core.recovery_timeout, Duration(3min));
    EXPECT_EQ(options->containerizer.recovery_timeout, Duration(3min));
    EXPECT_EQ(options->core.reconfiguration, agent::ReconfigurationPolicy::additive);
    EXPECT_EQ(options->log.directory, "/logs");
    EXPECT_EQ(options->advertise_ip, "192.0.2.1");
    EXPECT_EQ(options->advertise_port, 9);
}

TEST(AgentFlags, Refusals) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"--work_dir=/a"}, "--master is missing"},
        {{"--master=h:1"}, "--work_dir is missing"},
        {{"--master=zk://h/mesos", "--work_dir=/a"}, "ZooKeeper"},
        {{"--mastr=h:1", "--work_dir=/a"}, "--master"},
        {{"--master=h:1", "--work_dir=/a", "--containerizers=docker,appc"},
         "'appc' is no containerizer"},
        {{"--master=h:1", "--work_dir=/a", "--ip=10.0.0.1"}, "--insecure_listen"},
        {{"--master=h:1", "--work_dir=/a", "--recover=all"}, "--recover"},
        {{"--master=h:1", "--work_dir=/a", "--reconfiguration_policy=any"}, "additive"},
        {{"--master=h:1", "--work_dir=/a", "--executor_environment_variables=A=1"}, "JSON object"},
        {{"--master=h:1", "--work_dir=/a", "--executor_environment_variables={\"A\":1}"},
         "'A' is not a text"},
        {{"--master=h:1", "--work_dir=/a", "--executor_environment_variables={\"A=B\":\"\"}"},
         "not the name of a variable"},
        {{"--master=h:1", "--work_dir=/a", "--advertise_ip=nowhere"}, "not an IP address"},
        {{"--master=h:1", "--work_dir=/a", "--advertise_port=0"}, "--advertise_port"},
    };
    for (const auto& [arguments, hint] : cases) {
        const auto options = agent_options(arguments);
        ASSERT_FALSE(options) << testing::PrintToString(arguments);
        EXPECT_THAT(options.error().text, HasSubstr(hint));
    }
    EXPECT_TRUE(agent_options(
        {"--master=h:1", "--work_dir=/a", "--containerizers=mesos", "--launcher=linux"}));
    const auto docker =
        agent_options({"--master=h:1", "--work_dir=/a", "--containerizers=docker,mesos",
                       "--docker_socket=/run/d", "--docker_remove_delay=1mins",
                       "--docker_kill_orphans=false", "--docker_stop_timeout=2secs"});
    ASSERT_TRUE(docker) << docker.error().text;
    EXPECT_THAT(docker->containerizer.containerizers, testing::ElementsAre("docker", "mesos"));
    EXPECT_EQ(docker->containerizer.docker.socket, "/run/d");
    EXPECT_EQ(docker->containerizer.docker.remove_delay, 1min);
    EXPECT_EQ(docker->containerizer.docker.stop_timeout, 2s);
    EXPECT_FALSE(docker->containerizer.docker.kill_orphans);
}

TEST(AgentFlags, OfNetworks) {
    const auto plain = agent_options({"--master=h:1", "--work_dir=/a"});
    ASSERT_TRUE(plain) << plain.error().text;
    EXPECT_THAT(plain->containerizer.networks.plugin_dirs, testing::IsEmpty());
    EXPECT_TRUE(plain->containerizer.networks.metrics);
    const auto options = agent_options(
        {"--master=h:1", "--work_dir=/a", "--network_cni_plugins_dir=/opt/cni:/usr/lib/cni",
         "--network_cni_config_dir=/etc/cni", "--network_cni_root_dir_persist",
         "--no-network_cni_metrics", "--network_bridge_subnet=10.1.0.0/24",
         "--default_container_dns={\"mesos\":[{\"network_mode\":\"CNI\",\"dns\":"
         "{\"nameservers\":[\"10.0.0.1\"]}}]}"});
    ASSERT_TRUE(options) << options.error().text;
    const containerizer::NetworkOptions& networks = options->containerizer.networks;
    EXPECT_THAT(networks.plugin_dirs, testing::ElementsAre("/opt/cni", "/usr/lib/cni"));
    EXPECT_EQ(networks.config_dir, "/etc/cni");
    EXPECT_TRUE(networks.persist);
    EXPECT_FALSE(networks.metrics);
    EXPECT_EQ(networks.bridge_subnet, "10.1.0.0/24");
    ASSERT_EQ(networks.dns.mesos.size(), 1U);
    EXPECT_FALSE(networks.dns.mesos[0].network);
    for (const char* bad :
         {"--network_bridge_subnet=10.1.0.5/24", "--network_bridge_subnet=10.1.0.0",
          "--network_bridge_subnet=10.1.0.0/31", "--default_container_dns={}"})
        EXPECT_FALSE(agent_options({"--master=h:1", "--work_dir=/a", bad})) << bad;
}

TEST(ForeignFlags, NoneIsAlsoOneOfOurs) {
    for (const Verb& verb : {master_page(), agent_page()}) {
        for (const ForeignFlag& foreign : verb.flags.foreign) {
            EXPECT_EQ(verb.flags.find(foreign.name), nullptr) << foreign.name;
            EXPECT_FALSE(foreign.why.empty()) << foreign.name;
        }
    }
}

}  // namespace
}  // namespace tepui::cli
