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
         "max_executors_per_slave", "allocator_agent_recovery_factor", "allocator_recovery_timeout",
         "fair_sharing_excluded_resource_names", "offer_constraints_re2_max_mem",
         "offer_constraints_re2_max_program_size"});
    add(flags, FlagKind::boolean, {"true"}, "the registry is made when it is missing",
        {"log_auto_initialize"});
    add(flags, FlagKind::value, {}, "rate limits are not in this version", {"rate_limits"});
    add(flags, FlagKind::value, {}, "all registered agents are offered", {"whitelist"});
    add(flags, FlagKind::value, {"drf"}, "roles share by DRF", {"role_sorter", "user_sorter"});
    add(flags, FlagKind::value, {"drf"}, "frameworks share by DRF", {"framework_sorter"});
    add(flags, FlagKind::value, {}, "any role may be used; limit them by quota", {"roles"});
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
    add(flags, FlagKind::value, {"hierarchical"}, "the allocator is built in", {"allocator"});
    add(flags, FlagKind::value, {"cpus:0.01|mem:32"}, "the smallest offer is built in",
        {"min_allocatable_resources"});
    add(flags, FlagKind::boolean, {"true"},
        "agents with GPUs are offered to frameworks with GPU_RESOURCES alone",
        {"filter_gpu_resources"});
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
    add(flags, FlagKind::value, {}, "there are no image containers in this version",
        {"image_providers", "image_provisioner_backend", "image_gc_config",
         "appc_simple_discovery_uri_prefix", "appc_store_dir"});
    add(flags, FlagKind::value, {}, "there is no Docker containerizer in this version",
        {"docker_registry", "docker_store_dir", "docker_volume_checkpoint_dir", "docker",
         "docker_remove_delay", "docker_mesos_image", "docker_socket", "docker_config",
         "docker_stop_timeout"});
    add(flags, FlagKind::boolean, {"false"}, "there is no Docker containerizer in this version",
        {"docker_volume_chown", "docker_ignore_runtime"});
    add(flags, FlagKind::value, {}, "the fetch cache is not in this version",
        {"fetcher_cache_size", "fetcher_cache_dir", "fetcher_stall_timeout"});
    add(flags, FlagKind::value, {}, "it has no counterpart in this version",
        {"hadoop_home", "volume_gid_range", "http_heartbeat_interval",
         "executor_reregistration_retry_interval", "cgroups_destroy_timeout",
         "cgroups_net_cls_primary_handle", "cgroups_net_cls_secondary_handles", "agent_subsystems",
         "slave_subsystems", "systemd_runtime_directory", "default_container_shm_size",
         "agent_features", "default_container_info", "secret_resolver",
         "qos_correction_interval_min", "oversubscribed_resources_interval"});
    add(flags, FlagKind::value, {}, "nobody is authenticated in this version",
        {"authentication_backoff_factor", "authentication_timeout_min",
         "authentication_timeout_max", "credential", "authenticatee", "http_authenticators",
         "http_credentials"});
    add(flags, FlagKind::boolean, {"false"}, "it has no counterpart in this version",
        {"gc_non_executor_container_sandboxes", "cgroups_limit_swap",
         "cgroups_cpu_enable_pids_and_tids_count", "check_agent_port_range_only"});
    add(flags, FlagKind::boolean, {"false"},
        "the disk use of containers is not watched in this version",
        {"enforce_container_disk_quota"});
    add(flags, FlagKind::value, {"/sys/fs/cgroup"},
        "the hierarchies are found where the machine mounted them", {"cgroups_hierarchy"});
    add(flags, FlagKind::value, {}, "GPUs are not isolated in this version",
        {"nvidia_gpu_devices"});
    add(flags, FlagKind::value, {}, "perf events are not sampled in this version",
        {"perf_events", "perf_interval", "perf_duration"});
    add(flags, FlagKind::value, {}, "executors are not authenticated in this version",
        {"jwt_secret_key", "executor_secret_key"});
    add(flags, FlagKind::value, {}, "sandboxes are kept for --gc_delay however full the disk is",
        {"gc_disk_headroom", "disk_watch_interval"});
    add(flags, FlagKind::value, {},
        "what tasks write goes to files of their sandboxes, which are rotated",
        {"container_logger"});
    add(flags, FlagKind::value, {}, "devices are not isolated in this version",
        {"allowed_devices"});
    add(flags, FlagKind::value, {}, "there are no volumes in this version",
        {"host_path_volume_force_creation"});
    add(flags, FlagKind::value, {}, "there are no container networks in this version",
        {"default_container_dns"});
    add(flags, FlagKind::value, {}, "the disk use of containers is not watched in this version",
        {"container_disk_watch_interval"});
    add(flags, FlagKind::value, {}, "there are no image containers in this version",
        {"sandbox_directory"});
    add(flags, FlagKind::boolean, {"false"},
        "containers outlive the agent by themselves; in a unit of systemd set KillMode=process",
        {"systemd_enable_support"});
    add(flags, FlagKind::boolean, {}, "it has no counterpart in this version",
        {"revocable_cpu_low_priority", "disallow_sharing_agent_ipc_namespace",
         "disallow_sharing_agent_pid_namespace"});
    add(flags, FlagKind::value, {}, "capabilities are not set in this version",
        {"effective_capabilities", "allowed_capabilities", "bounding_capabilities"});
    add(flags, FlagKind::value, {}, "paths cannot be disabled in this version", {"firewall_rules"});
    add(flags, FlagKind::value, {}, "there is no authorization in this version", {"acls"});
    add(flags, FlagKind::value, {"mesos"}, "there is only the built-in containerizer",
        {"containerizers"});
    add(flags, FlagKind::boolean, {"*"}, "there is no Docker containerizer in this version",
        {"docker_kill_orphans"});
    add(flags, FlagKind::value, {}, "fault domains are not in this version",
        {"domain_socket_location", "domain"});
    add(flags, FlagKind::value, {}, "network isolation is not in this version",
        {"ephemeral_ports_per_container",
         "eth0_name",
         "lo_name",
         "egress_rate_limit_per_container",
         "egress_rate_per_cpu",
         "minimum_egress_rate_limit",
         "maximum_egress_rate_limit",
         "egress_ceil_limit",
         "egress_burst",
         "egress_flow_classifier_parent",
         "ingress_rate_limit_per_container",
         "ingress_rate_per_cpu",
         "minimum_ingress_rate_limit",
         "maximum_ingress_rate_limit",
         "ingress_ceil_limit",
         "ingress_burst",
         "network_link_speed",
         "network_rate_statistics_window",
         "network_rate_statistics_interval",
         "container_ports_watch_interval",
         "container_ports_isolated_range"});
    add(flags, FlagKind::boolean, {"false"}, "network isolation is not in this version",
        {"egress_unique_flow_per_container", "network_enable_socket_statistics_summary",
         "network_enable_socket_statistics_details", "network_enable_snmp_statistics",
         "network_enable_rate_statistics", "enforce_container_ports"});
    add(flags, FlagKind::boolean, {}, "network isolation is not in this version",
        {"ingress_isolate_existing_containers"});
    add(flags, FlagKind::value, {}, "there are no container networks in this version",
        {"network_cni_plugins_dir", "network_cni_config_dir"});
    add(flags, FlagKind::boolean, {"false"}, "there are no container networks in this version",
        {"network_cni_root_dir_persist"});
    add(flags, FlagKind::boolean, {}, "there are no container networks in this version",
        {"network_cni_metrics"});
    add(flags, FlagKind::value, {}, "shared-library modules are not loaded",
        {"modules", "modules_dir", "hooks"});
    add(flags, FlagKind::value, {"local"}, "there is no authorization in this version",
        {"authorizer"});
    add(flags, FlagKind::boolean, {"false"}, "nobody is authenticated in this version",
        {"authenticate_http_readwrite", "authenticate_http_readonly",
         "authenticate_http_executors"});
    add(flags, FlagKind::boolean, {"false"}, "fault domains are not in this version",
        {"http_executor_domain_sockets"});
    add(flags, FlagKind::value, {"noop"}, "it has no counterpart in this version",
        {"resource_estimator", "qos_controller"});
    add(flags, FlagKind::value, {}, "a master is named by its address in this version",
        {"master_detector"});
    add(flags, FlagKind::value, {}, "the xfs isolator is not in this version",
        {"xfs_project_range", "xfs_quota_headroom"});
    add(flags, FlagKind::boolean, {"false"}, "the xfs isolator is not in this version",
        {"xfs_kill_containers"});
    add(flags, FlagKind::value, {}, "seccomp profiles are not in this version",
        {"seccomp_config_dir", "seccomp_profile_name"});
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
