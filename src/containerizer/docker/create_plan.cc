#include "containerizer/docker/create_plan.h"

#include <algorithm>
#include <cmath>

#include "containerizer/beneath.h"
#include "containerizer/docker/engine.h"
#include "containerizer/isolators/network_cni/network_files.h"
#include "containerizer/names.h"
#include "wire/json_writer.h"

namespace tepui::containerizer::docker {
namespace {

namespace v1 = mesos::v1;
using DockerInfo = v1::ContainerInfo::DockerInfo;

constexpr double k_shares_per_cpu = 1024;
constexpr std::int64_t k_shares_min = 2;  // The kernel's.
constexpr std::int64_t k_cfs_period_us = 100'000;
constexpr std::int64_t k_cfs_quota_min_us = 1'000;  // The kernel's.
constexpr double k_memory_min_mb = 32;              // As Mesos: less starts nothing.
constexpr double k_bytes_per_mb = 1024 * 1024;

std::int64_t shares(double cpus) {
    return std::max(k_shares_min, static_cast<std::int64_t>(cpus * k_shares_per_cpu));
}

std::int64_t memory_bytes(double mem_mb) {
    return static_cast<std::int64_t>(std::max(mem_mb, k_memory_min_mb) * k_bytes_per_mb);
}

/// The quota of a container; nothing: none.
std::optional<std::int64_t> quota_us(std::optional<double> limit, std::optional<double> request,
                                     bool enable_cfs) {
    const std::optional<double> cpus = limit ? limit : request;
    if (!enable_cfs || !cpus || std::isinf(*cpus)) return std::nullopt;
    return std::max(k_cfs_quota_min_us,
                    static_cast<std::int64_t>(*cpus * static_cast<double>(k_cfs_period_us)));
}

Result<void> plan_command(const v1::CommandInfo& command, Settings& settings) {
    Texts arguments;
    if (command.shell()) {
        if (!command.has_value())
            return fail(Errc::invalid_argument,
                        "the command has no value to execute; to run what the image says, set "
                        "'shell' to false");
        settings.config["Entrypoint"] = Texts{"/bin/sh"};
        arguments = {"-c", command.value()};
    } else {
        if (command.has_value()) arguments.push_back(command.value());
        arguments.insert(arguments.end(), command.arguments().begin(), command.arguments().end());
    }
    for (const std::string& argument : arguments)
        if (argument.find('\0') != std::string::npos)
            return fail(Errc::invalid_argument, "an argument of the command contains a NUL");
    if (!arguments.empty()) settings.config["Cmd"] = std::move(arguments);
    return {};
}

Result<void> plan_environment(const LaunchSpec& spec, const CreateContext& context,
                              const std::string& name, Settings& settings) {
    std::map<std::string, std::string> merged = spec.environment;
    merged["MESOS_SANDBOX"] = context.sandbox_directory;
    merged["MESOS_DIRECTORY"] = context.sandbox_directory;
    merged["MESOS_CONTAINER_NAME"] = name;
    for (const auto& variable : spec.command.environment().variables()) {
        if (variable.type() == v1::Environment::Variable::SECRET)
            return fail(Errc::unsupported,
                        "the variable '{}' is a secret, and the Docker Engine keeps environments "
                        "on its disk; use a container of type MESOS",
                        variable.name());
        merged[variable.name()] = variable.value();
    }
    Texts list;
    for (const auto& [key, value] : merged) list.push_back(key + "=" + value);
    settings.config["Env"] = std::move(list);
    return {};
}

void plan_limits(const LaunchSpec& spec, const CreateContext& context, Settings& settings) {
    Fields& host = settings.host;
    if (spec.cpus) host["CpuShares"] = shares(*spec.cpus);
    if (const auto quota = quota_us(spec.cpus_limit, spec.cpus, context.enable_cfs)) {
        host["CpuQuota"] = *quota;
        host["CpuPeriod"] = k_cfs_period_us;
    }
    if (spec.mem_mb && !std::isinf(*spec.mem_mb)) {
        host["Memory"] = memory_bytes(*spec.mem_mb);
        if (context.limit_swap) host["MemorySwap"] = memory_bytes(*spec.mem_mb);
    }
    const bool bursts =
        spec.mem_request_mb && (!spec.mem_mb || *spec.mem_request_mb < *spec.mem_mb);
    if (bursts) host["MemoryReservation"] = memory_bytes(*spec.mem_request_mb);
}

/// "RLMT_NOFILE" is "nofile".
Result<void> plan_rlimits(const v1::RLimitInfo& limits, Settings& settings) {
    for (const v1::RLimitInfo::RLimit& limit : limits.rlimits()) {
        std::string name = v1::RLimitInfo::RLimit::Type_Name(limit.type());
        if (!name.starts_with("RLMT_"))
            return fail(Errc::invalid_argument, "a resource limit has no type");
        name.erase(0, 5);
        std::ranges::transform(name, name.begin(),
                               [](char c) { return static_cast<char>(c + ('a' - 'A')); });
        if (limit.has_soft() != limit.has_hard())
            return fail(Errc::invalid_argument,
                        "the resource limit '{}' has only a soft or only a hard value", name);
        const auto value = [&](std::uint64_t given) {
            return limit.has_hard() ? static_cast<std::int64_t>(given) : std::int64_t{-1};
        };
        settings.ulimits.push_back({name, value(limit.soft()), value(limit.hard())});
    }
    return {};
}

bool takes_ports(DockerInfo::Network network) {
    return network == DockerInfo::BRIDGE || network == DockerInfo::USER;
}

Result<void> plan_ports(const DockerInfo& docker, Settings& settings) {
    if (docker.port_mappings_size() > 0 && !takes_ports(docker.network()))
        return fail(Errc::invalid_argument,
                    "port mappings need the network BRIDGE or USER of a Docker container; it has "
                    "{}",
                    DockerInfo::Network_Name(docker.network()));
    for (const DockerInfo::PortMapping& mapping : docker.port_mappings()) {
        std::string protocol = mapping.has_protocol() ? mapping.protocol() : "tcp";
        std::ranges::transform(protocol, protocol.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
        });
        if (protocol != "tcp" && protocol != "udp")
            return fail(Errc::invalid_argument,
                        "the protocol '{}' of a port mapping is neither tcp nor udp", protocol);
        if (mapping.host_port() > 65'535 || mapping.container_port() > 65'535 ||
            mapping.container_port() == 0)
            return fail(Errc::invalid_argument,
                        "a port mapping is from {} to {}; ports end at "
                        "65535",
                        mapping.host_port(), mapping.container_port());
        settings.ports.push_back({fmt::format("{}/{}", mapping.container_port(), protocol), "",
                                  std::to_string(mapping.host_port())});
    }
    return {};
}

Result<void> plan_network(const v1::ContainerInfo& info, Settings& settings) {
    const DockerInfo& docker = info.docker();
    std::string mode;
    switch (docker.network()) {
        case DockerInfo::HOST: mode = "host"; break;
        case DockerInfo::BRIDGE: mode = "bridge"; break;
        case DockerInfo::NONE: mode = "none"; break;
        case DockerInfo::USER:
            if (info.network_infos_size() != 1 || info.network_infos(0).name().empty())
                return fail(Errc::invalid_argument,
                            "a Docker container in a network of type USER names it in one entry "
                            "of 'network_infos'");
            mode = info.network_infos(0).name();
            settings.network_name = mode;
            break;
    }
    settings.host["NetworkMode"] = mode;
    if (!info.hostname().empty()) {
        if (docker.network() == DockerInfo::HOST)
            return fail(Errc::invalid_argument,
                        "a Docker container in the host's network cannot have a hostname of its "
                        "own; give it the network BRIDGE");
        settings.config["Hostname"] = info.hostname();
    }
    return plan_ports(docker, settings);
}

/// What the task's own parameters say of DNS stands.
void plan_dns(const v1::ContainerInfo& info, const CreateContext& context, Settings& settings) {
    const DockerInfo::Network network = info.docker().network();
    if (context.dns == nullptr || network == DockerInfo::NONE) return;
    for (const char* field : {"Dns", "DnsOptions", "DnsSearch"})
        if (settings.host.contains(field)) return;
    const char* mode = network == DockerInfo::HOST     ? "host"
                       : network == DockerInfo::BRIDGE ? "bridge"
                                                       : "user";
    const DnsOptions* dns = cni::find_dns(context.dns->docker, mode, settings.network_name);
    if (dns == nullptr) return;
    Texts search = dns->search;
    if (!dns->domain.empty() && std::ranges::find(search, dns->domain) == search.end())
        search.insert(search.begin(), dns->domain);
    if (!dns->nameservers.empty()) settings.host["Dns"] = dns->nameservers;
    if (!search.empty()) settings.host["DnsSearch"] = search;
    if (!dns->options.empty()) settings.host["DnsOptions"] = dns->options;
}

struct BindMount {
    std::string source;
    std::string target;
    bool read_only = false;
    std::string propagation;  // Empty: the Engine's default.
};

Result<void> add_bind(Settings& settings, const BindMount& mount) {
    // The Engine separates them by colons.
    for (const std::string* path : {&mount.source, &mount.target})
        if (path->empty() || path->find_first_of(std::string_view(":\0", 2)) != std::string::npos)
            return fail(Errc::invalid_argument,
                        "the path '{}' of a volume is empty or contains a colon, which the Docker "
                        "Engine cannot take",
                        *path);
    std::string text = mount.source + ":" + mount.target + (mount.read_only ? ":ro" : ":rw");
    if (!mount.propagation.empty()) text += "," + mount.propagation;
    Field& binds = settings.host["Binds"];
    if (!std::holds_alternative<Texts>(binds)) binds = Texts{};
    std::get<Texts>(binds).push_back(std::move(text));
    return {};
}

/// A path in the sandbox; relative, without "..".
Result<std::string> in_sandbox(const LaunchSpec& spec, const std::string& path, CreatePlan& plan) {
    const auto parts = clean_path(path);
    if (!parts) return fail_with(fmt::format("the volume '{}'", path), parts.error());
    std::string clean;
    for (const std::string& part : *parts) clean += (clean.empty() ? "" : "/") + part;
    plan.sandbox_paths.push_back(clean);
    return spec.sandbox + "/" + clean;
}

std::string propagation_of(const v1::Volume::Source::HostPath& host) {
    switch (host.mount_propagation().mode()) {
        case v1::MountPropagation::HOST_TO_CONTAINER: return "rslave";
        case v1::MountPropagation::BIDIRECTIONAL: return "rshared";
        default: return "";
    }
}

void add_driver_volume(const v1::Volume& volume, const std::string& target, Settings& settings) {
    const v1::Volume::Source::DockerVolume& docker = volume.source().docker_volume();
    DriverVolume made{docker.name(), target, volume.mode() == v1::Volume::RO, docker.driver(), {}};
    for (const v1::Parameter& option : docker.driver_options().parameter())
        made.options[option.key()] = option.value();
    settings.volumes.push_back(std::move(made));
}

Result<void> plan_volume(const LaunchSpec& spec, const CreateContext& context,
                         const v1::Volume& volume, CreatePlan& plan) {
    using Source = v1::Volume::Source;
    const std::string target = volume.container_path().starts_with('/')
                                   ? volume.container_path()
                                   : context.sandbox_directory + "/" + volume.container_path();
    BindMount mount{volume.host_path(), target, volume.mode() == v1::Volume::RO, {}};
    const auto unsupported = [&](std::string_view what) {
        return fail(Errc::unsupported, "{} (the volume at '{}') need a container of type MESOS",
                    what, volume.container_path());
    };
    if (volume.has_image()) return unsupported("Volumes made of images");
    if (volume.has_source()) {
        const Source& source = volume.source();
        switch (source.type()) {
            case Source::DOCKER_VOLUME: add_driver_volume(volume, target, plan.settings); return {};
            case Source::HOST_PATH:
                mount.source = source.host_path().path();
                mount.propagation = propagation_of(source.host_path());
                break;
            case Source::SANDBOX_PATH:
                if (source.sandbox_path().type() == Source::SandboxPath::PARENT)
                    return unsupported("Paths in a parent's sandbox");
                mount.source = source.sandbox_path().path();
                break;
            case Source::SECRET: return unsupported("Secrets");
            default: return unsupported("Volumes of this type");
        }
    } else if (!volume.has_host_path()) {
        // A place of its own that lives as long as the container.
        plan.settings.volumes.push_back({"", target, volume.mode() == v1::Volume::RO, "", {}});
        return {};
    }
    if (!mount.source.starts_with('/'))
        mount.source = TEPUI_TRY(in_sandbox(spec, mount.source, plan));
    return add_bind(plan.settings, mount);
}

Result<void> check_supported(const LaunchSpec& spec) {
    const v1::ContainerInfo& info = *spec.info;
    if (spec.hold || spec.parent)
        return fail(Errc::unsupported,
                    "the tasks of a pod cannot be Docker containers; use type "
                    "MESOS with an image");
    if (!info.has_docker() || info.docker().image().empty())
        return fail(Errc::invalid_argument,
                    "a container of type DOCKER names no image in "
                    "'docker.image'");
    if (info.has_tty_info())
        return fail(Errc::unsupported, "terminals need a container of type MESOS");
    for (const v1::Resource& resource : spec.resources) {
        if (resource.disk().has_volume() && !resource.disk().has_persistence())
            return fail(Errc::unsupported, "persistent volumes need a container of type MESOS");
        if (resource.name() == "gpus")
            return fail(Errc::unsupported, "GPUs need a container of type MESOS");
    }
    return {};
}

}  // namespace

std::string engine_name(const ContainerId& container) {
    std::string name = "mesos-" + short_name(container);
    for (char& c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            c = '_';
    return name;
}

Result<CreatePlan> plan_create(const LaunchSpec& spec, const CreateContext& context) {
    TEPUI_CHECK_OK(check_supported(spec));
    const v1::ContainerInfo& info = *spec.info;
    const DockerInfo& docker = info.docker();
    CreatePlan plan;
    plan.name = engine_name(spec.container);
    plan.image = docker.image();
    plan.force_pull = docker.force_pull_image();
    Settings& settings = plan.settings;
    settings.config["Image"] = docker.image();
    TEPUI_CHECK_OK(plan_command(spec.command, settings));
    TEPUI_CHECK_OK(plan_environment(spec, context, plan.name, settings));
    plan_limits(spec, context, settings);
    if (spec.rlimits) TEPUI_CHECK_OK(plan_rlimits(*spec.rlimits, settings));
    if (docker.privileged()) settings.host["Privileged"] = true;
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // Old frameworks set it.
    if (docker.has_volume_driver()) settings.host["VolumeDriver"] = docker.volume_driver();
#pragma clang diagnostic pop
    TEPUI_CHECK_OK(plan_network(info, settings));
    TEPUI_CHECK_OK(add_bind(settings, {spec.sandbox, context.sandbox_directory, false, {}}));
    for (const v1::Volume& volume : info.volumes())
        TEPUI_CHECK_OK(plan_volume(spec, context, volume, plan));
    for (const PersistentVolume& volume : spec.volumes) {
        (void)TEPUI_TRY(in_sandbox(spec, volume.container_path, plan));
        TEPUI_CHECK_OK(add_bind(settings, {volume.source,
                                           context.sandbox_directory + "/" + volume.container_path,
                                           volume.read_only,
                                           {}}));
    }
    for (const v1::Parameter& parameter : docker.parameters())
        TEPUI_CHECK_OK(apply_parameter(settings, parameter.key(), parameter.value()));
    plan_dns(info, context, settings);
    Field& labels = settings.config["Labels"];
    if (!std::holds_alternative<TextMap>(labels)) labels = TextMap{};
    TextMap& map = std::get<TextMap>(labels);
    map[k_label_work_dir] = context.work_dir;
    map[k_label_container] = spec.container.value;
    map[k_label_agent] = context.agent;
    map[k_label_sandbox] = spec.sandbox;
    if (settings.network_name.empty() && !settings.network.empty())
        return fail(Errc::invalid_argument,
                    "the parameters ip, ip6 and network-alias of a Docker "
                    "container need the network USER");
    return plan;
}

std::string encode_update(const ContainerResources& resources, const CreateContext& context) {
    Fields fields;
    if (resources.cpus) fields["CpuShares"] = shares(*resources.cpus);
    if (const auto quota = quota_us(resources.cpus_limit, resources.cpus, context.enable_cfs)) {
        fields["CpuQuota"] = *quota;
        fields["CpuPeriod"] = k_cfs_period_us;
    }
    if (resources.mem_mb && !std::isinf(*resources.mem_mb)) {
        fields["Memory"] = memory_bytes(*resources.mem_mb);
        // The Engine refuses a limit above that of memory and swap together.
        fields["MemorySwap"] = context.limit_swap ? memory_bytes(*resources.mem_mb) : -1;
    }
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    for (const auto& [name, field] : fields) json.key(name).value(std::get<std::int64_t>(field));
    json.end_object();
    return out;
}

}  // namespace tepui::containerizer::docker
