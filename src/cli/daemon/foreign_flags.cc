// Source of the names: reference of Apache Mesos 1.12-dev, docs/configuration.
#include "cli/daemon/daemon.h"

namespace tepui::cli {

namespace {

/// Refuses `names` for the reason `why`. The values `same_as_ours` are accepted, because what they
/// ask for is what happens anyway; "*" is any value.
void add(std::vector<ForeignFlag>& flags, FlagKind kind, std::vector<std::string> same_as_ours,
         const std::string& why, const std::vector<std::string>& names) {
    for (const std::string& name : names) flags.push_back({name, kind, same_as_ours, why});
}

}  // namespace

std::vector<ForeignFlag> foreign_master_flags() {
    std::vector<ForeignFlag> flags;
    add(flags, FlagKind::boolean, {}, "use `tepui version`", {"version"});
    add(flags, FlagKind::boolean, {"false"}, "names are not looked up; --hostname sets one",
        {"hostname_lookup"});
    add(flags, FlagKind::value, {"1"}, "a master stands alone in this version", {"quorum"});
    add(flags, FlagKind::value, {}, "a master stands alone in this version; there is no election",
        {"zk_session_timeout", "zk"});
    add(flags, FlagKind::boolean, {"false"}, "Mesos has disabled it too", {"registry_strict"});
    add(flags, FlagKind::value, {}, "it has no counterpart in this version",
        {"registry_fetch_timeout", "registry_store_timeout", "webui_dir", "max_executors_per_agent",
         "max_executors_per_slave"});
    add(flags, FlagKind::boolean, {"true"}, "the registry is made when it is missing",
        {"log_auto_initialize"});
    add(flags, FlagKind::value, {}, "rate limits are not in this version", {"rate_limits"});
    add(flags, FlagKind::boolean, {"false"}, "nobody is authenticated in this version",
        {"authenticate_frameworks", "authenticate", "authenticate_agents", "authenticate_slaves",
         "authenticate_http_readwrite", "authenticate_http", "authenticate_http_readonly",
         "authenticate_http_frameworks"});
    add(flags, FlagKind::value, {}, "nobody is authenticated in this version",
        {"authentication_v0_timeout", "credentials", "authenticators", "http_authenticators",
         "http_framework_authenticators"});
    add(flags, FlagKind::value, {}, "there is no authorization in this version", {"acls"});
    add(flags, FlagKind::value, {}, "paths cannot be disabled in this version", {"firewall_rules"});
    add(flags, FlagKind::value, {}, "shared-library modules are not loaded",
        {"modules", "modules_dir", "hooks"});
    add(flags, FlagKind::value, {"hierarchical", "HierarchicalDRF"}, "the allocator is built in",
        {"allocator"});
    add(flags, FlagKind::value, {"local"}, "there is no authorization in this version",
        {"authorizers"});
    add(flags, FlagKind::value, {}, "a master stands alone in this version", {"master_contender"});
    add(flags, FlagKind::value, {}, "a master is named by its address in this version",
        {"master_detector"});
    add(flags, FlagKind::boolean, {"false"}, "there is no memory profiler in this version",
        {"memory_profiling"});
    add(flags, FlagKind::value, {}, "name the address with --ip", {"ip_discovery_command"});
    add(flags, FlagKind::boolean, {"false"}, "fault domains are not in this version",
        {"require_agent_domain"});
    add(flags, FlagKind::value, {}, "fault domains are not in this version", {"domain"});
    add(flags, FlagKind::value, {}, "the log is a file in --log_dir", {"external_log_file"});
    add(flags, FlagKind::value, {"*"}, "the log is not buffered", {"logbufsecs"});
    add(flags, FlagKind::boolean, {"*"}, "there are no drivers here",
        {"initialize_driver_logging"});
    return flags;
}

std::vector<ForeignFlag> foreign_agent_flags() {
    std::vector<ForeignFlag> flags;
    add(flags, FlagKind::boolean, {"false"}, "names are not looked up; --hostname sets one",
        {"hostname_lookup"});
    add(flags, FlagKind::boolean, {}, "use `tepui version`", {"version"});
    add(flags, FlagKind::value, {}, "resource providers are not in this version",
        {"resource_provider_config_dir", "disk_profile_adaptor"});
    add(flags, FlagKind::value, {}, "CSI volumes are not in this version",
        {"csi_plugin_config_dir"});
    add(flags, FlagKind::value, {"linux"},
        "the launcher is built in; --isolation says what it isolates", {"launcher"});
    add(flags, FlagKind::value, {}, "there are no Appc images in this version",
        {"appc_simple_discovery_uri_prefix", "appc_store_dir"});
    add(flags, FlagKind::value, {"docker"},
        "no client program is called; name the Docker Engine with --docker_socket", {"docker"});
    add(flags, FlagKind::value, {},
        "no process of the agent runs in a container, wherever the agent itself runs",
        {"docker_mesos_image"});
    add(flags, FlagKind::value, {}, "it has no counterpart in this version",
        {"volume_gid_range", "http_heartbeat_interval", "executor_reregistration_retry_interval",
         "cgroups_destroy_timeout", "agent_subsystems", "slave_subsystems",
         "systemd_runtime_directory", "agent_features", "default_container_info"});
    add(flags, FlagKind::value, {}, "nobody is authenticated in this version",
        {"authentication_backoff_factor", "authentication_timeout_min",
         "authentication_timeout_max", "credential", "authenticatee", "http_authenticators",
         "http_credentials"});
    add(flags, FlagKind::value, {"/sys/fs/cgroup"},
        "the hierarchies are found where the machine mounted them", {"cgroups_hierarchy"});
    add(flags, FlagKind::value, {}, "executors are not authenticated in this version",
        {"jwt_secret_key", "executor_secret_key"});
    add(flags, FlagKind::value, {"org_apache_mesos_LogrotateContainerLogger"},
        "what tasks write goes to files of their sandboxes, which are rotated: "
        "--container_log_size, --container_log_files",
        {"container_logger"});
    add(flags, FlagKind::value, {}, "secrets are looked up in files: --secret_dir",
        {"secret_resolver"});
    add(flags, FlagKind::value, {},
        "which containers use an external volume is written in --runtime_dir",
        {"docker_volume_checkpoint_dir"});
    add(flags, FlagKind::boolean, {"false"},
        "containers outlive the agent by themselves; in a unit of systemd set KillMode=process",
        {"systemd_enable_support"});
    add(flags, FlagKind::value, {}, "paths cannot be disabled in this version", {"firewall_rules"});
    add(flags, FlagKind::value, {}, "there is no authorization in this version", {"acls"});
    add(flags, FlagKind::value, {}, "fault domains are not in this version",
        {"domain_socket_location", "domain"});
    add(flags, FlagKind::value, {}, "network isolation is not in this version",
        {"ephemeral_ports_per_container", "eth0_name", "lo_name", "egress_rate_limit_per_container",
         "egress_rate_per_cpu", "minimum_egress_rate_limit", "maximum_egress_rate_limit",
         "egress_ceil_limit", "egress_burst", "egress_flow_classifier_parent",
         "ingress_rate_limit_per_container", "ingress_rate_per_cpu", "minimum_ingress_rate_limit",
         "maximum_ingress_rate_limit", "ingress_ceil_limit", "ingress_burst", "network_link_speed",
         "network_rate_statistics_window", "network_rate_statistics_interval"});
    add(flags, FlagKind::boolean, {"false"}, "network isolation is not in this version",
        {"egress_unique_flow_per_container", "network_enable_socket_statistics_summary",
         "network_enable_socket_statistics_details", "network_enable_snmp_statistics",
         "network_enable_rate_statistics"});
    add(flags, FlagKind::boolean, {}, "network isolation is not in this version",
        {"ingress_isolate_existing_containers"});
    add(flags, FlagKind::value, {}, "shared-library modules are not loaded",
        {"modules", "modules_dir", "hooks"});
    add(flags, FlagKind::value, {"local"}, "there is no authorization in this version",
        {"authorizer"});
    add(flags, FlagKind::boolean, {"false"}, "nobody is authenticated in this version",
        {"authenticate_http_readwrite", "authenticate_http_readonly",
         "authenticate_http_executors"});
    add(flags, FlagKind::boolean, {"false"}, "fault domains are not in this version",
        {"http_executor_domain_sockets"});
    add(flags, FlagKind::value, {}, "a master is named by its address in this version",
        {"master_detector"});
    add(flags, FlagKind::boolean, {"*"}, "the command executor is built in",
        {"http_command_executor"});
    add(flags, FlagKind::value, {}, "IPv6 addresses of containers are not told in this version",
        {"ip6", "ip6_discovery_command"});
    add(flags, FlagKind::value, {}, "a master stands alone in this version; there is no election",
        {"zk_session_timeout"});
    add(flags, FlagKind::value, {}, "name the address with --ip", {"ip_discovery_command"});
    add(flags, FlagKind::boolean, {"false"}, "there is no memory profiler in this version",
        {"memory_profiling"});
    add(flags, FlagKind::value, {}, "the log is a file in --log_dir", {"external_log_file"});
    add(flags, FlagKind::value, {"*"}, "the log is not buffered", {"logbufsecs"});
    add(flags, FlagKind::boolean, {"*"}, "there are no drivers here",
        {"initialize_driver_logging"});
    return flags;
}

}  // namespace tepui::cli
