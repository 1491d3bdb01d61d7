// DockerInfo.parameters: options of `docker run`, each turned into the field of the Engine's API
// that it stands for. Source of the fields: Docker Engine API v1.41, POST /containers/create.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "containerizer/docker/settings.h"

namespace tepui::containerizer::docker {
namespace {

std::unexpected<Error> bad_value(const std::string& name, const std::string& value,
                                 std::string_view wanted) {
    return fail(Errc::invalid_argument, "the parameter '{}' of the Docker container is '{}'; {}",
                name, value, wanted);
}

std::optional<std::int64_t> whole(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || text.empty() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// "a=b" or, where the Engine means that, "a".
std::pair<std::string, std::string> split(const std::string& text, char by) {
    const std::size_t at = text.find(by);
    if (at == std::string::npos) return {text, {}};
    return {text.substr(0, at), text.substr(at + 1)};
}

enum class Kind : std::uint8_t { flag, number, size, text, list, map };

struct Option {
    std::string_view name;
    Kind kind;
    bool host;  // A field of HostConfig.
    std::string_view field;
};

/// Options that are one field.
constexpr std::array k_options{
    Option{"add-host", Kind::list, true, "ExtraHosts"},
    Option{"blkio-weight", Kind::number, true, "BlkioWeight"},
    Option{"cap-add", Kind::list, true, "CapAdd"},
    Option{"cap-drop", Kind::list, true, "CapDrop"},
    Option{"cgroup-parent", Kind::text, true, "CgroupParent"},
    Option{"cgroupns", Kind::text, true, "CgroupnsMode"},
    Option{"cpu-period", Kind::number, true, "CpuPeriod"},
    Option{"cpu-quota", Kind::number, true, "CpuQuota"},
    Option{"cpu-rt-period", Kind::number, true, "CpuRealtimePeriod"},
    Option{"cpu-rt-runtime", Kind::number, true, "CpuRealtimeRuntime"},
    Option{"cpu-shares", Kind::number, true, "CpuShares"},
    Option{"cpuset-cpus", Kind::text, true, "CpusetCpus"},
    Option{"cpuset-mems", Kind::text, true, "CpusetMems"},
    Option{"device-cgroup-rule", Kind::list, true, "DeviceCgroupRules"},
    Option{"dns", Kind::list, true, "Dns"},
    Option{"dns-opt", Kind::list, true, "DnsOptions"},
    Option{"dns-option", Kind::list, true, "DnsOptions"},
    Option{"dns-search", Kind::list, true, "DnsSearch"},
    Option{"domainname", Kind::text, false, "Domainname"},
    Option{"env", Kind::list, false, "Env"},
    Option{"group-add", Kind::list, true, "GroupAdd"},
    Option{"hostname", Kind::text, false, "Hostname"},
    Option{"init", Kind::flag, true, "Init"},
    Option{"ipc", Kind::text, true, "IpcMode"},
    Option{"isolation", Kind::text, true, "Isolation"},
    Option{"label", Kind::map, false, "Labels"},
    Option{"link", Kind::list, true, "Links"},
    Option{"mac-address", Kind::text, false, "MacAddress"},
    Option{"memory", Kind::size, true, "Memory"},
    Option{"memory-reservation", Kind::size, true, "MemoryReservation"},
    Option{"memory-swap", Kind::size, true, "MemorySwap"},
    Option{"memory-swappiness", Kind::number, true, "MemorySwappiness"},
    Option{"oom-kill-disable", Kind::flag, true, "OomKillDisable"},
    Option{"oom-score-adj", Kind::number, true, "OomScoreAdj"},
    Option{"pid", Kind::text, true, "PidMode"},
    Option{"pids-limit", Kind::number, true, "PidsLimit"},
    Option{"privileged", Kind::flag, true, "Privileged"},
    Option{"publish-all", Kind::flag, true, "PublishAllPorts"},
    Option{"read-only", Kind::flag, true, "ReadonlyRootfs"},
    Option{"runtime", Kind::text, true, "Runtime"},
    Option{"shm-size", Kind::size, true, "ShmSize"},
    Option{"stop-signal", Kind::text, false, "StopSignal"},
    Option{"storage-opt", Kind::map, true, "StorageOpt"},
    Option{"sysctl", Kind::map, true, "Sysctls"},
    Option{"user", Kind::text, false, "User"},
    Option{"userns", Kind::text, true, "UsernsMode"},
    Option{"uts", Kind::text, true, "UTSMode"},
    Option{"volume", Kind::list, true, "Binds"},
    Option{"volume-driver", Kind::text, true, "VolumeDriver"},
    Option{"volumes-from", Kind::list, true, "VolumesFrom"},
    Option{"workdir", Kind::text, false, "WorkingDir"},
};

Result<void> apply_option(Settings& settings, const Option& option, const std::string& value) {
    Fields& fields = option.host ? settings.host : settings.config;
    const std::string field(option.field);
    const std::string name(option.name);
    switch (option.kind) {
        case Kind::flag:
            if (value != "true" && value != "false" && !value.empty())
                return bad_value(name, value, "it may be true or false");
            fields[field] = value != "false";
            break;
        case Kind::number: {
            const auto number = whole(value);
            if (!number) return bad_value(name, value, "it is a whole number");
            fields[field] = *number;
            break;
        }
        case Kind::size: {
            const Result<std::int64_t> bytes = value == "-1" ? std::int64_t{-1} : parse_size(value);
            if (!bytes) return bad_value(name, value, "sizes are like 64m or 1g");
            fields[field] = *bytes;
            break;
        }
        case Kind::text: fields[field] = value; break;
        case Kind::list: {
            Field& list = fields[field];
            if (!std::holds_alternative<Texts>(list)) list = Texts{};
            std::get<Texts>(list).push_back(value);
            break;
        }
        case Kind::map: {
            Field& map = fields[field];
            if (!std::holds_alternative<TextMap>(map)) map = TextMap{};
            auto [key, text] = split(value, '=');
            if (key.empty()) return bad_value(name, value, "it is like key=value");
            if (name == "label" && key.starts_with("tepui."))
                return bad_value(name, value, "labels that begin with 'tepui.' are the agent's");
            std::get<TextMap>(map)[key] = text;
            break;
        }
    }
    return {};
}

/// name=soft[:hard]
Result<void> apply_ulimit(Settings& settings, const std::string& value) {
    const auto [name, limits] = split(value, '=');
    const auto [soft, hard] = split(limits, ':');
    const auto soft_value = whole(soft);
    const auto hard_value = hard.empty() ? soft_value : whole(hard);
    if (name.empty() || !soft_value || !hard_value)
        return bad_value("ulimit", value, "it is like nofile=1024:2048");
    std::erase_if(settings.ulimits, [&](const Ulimit& each) { return each.name == name; });
    settings.ulimits.push_back({name, *soft_value, *hard_value});
    return {};
}

/// host[:container[:permissions]]
Result<void> apply_device(Settings& settings, const std::string& value) {
    const auto [host, rest] = split(value, ':');
    const auto [middle, permissions] = split(rest, ':');
    DeviceMapping device{host, middle.empty() ? host : middle, permissions};
    // "/dev/a:rw": the second part may be the permissions, too.
    if (permissions.empty()) {
        const bool is_mode = !middle.empty() && middle.front() != '/';
        device.permissions = is_mode ? middle : "rwm";
        if (is_mode) device.container = host;
    }
    if (!host.starts_with('/') || device.permissions.find_first_not_of("rwm") != std::string::npos)
        return bad_value("device", value, "it is like /dev/fuse:/dev/fuse:rwm");
    settings.devices.push_back(std::move(device));
    return {};
}

bool is_port(std::string_view text) {
    const auto port = whole(text);
    return port && *port >= 0 && *port <= 65'535;
}

/// [[ip:]host:]container[/protocol]
Result<void> apply_publish(Settings& settings, const std::string& value) {
    auto [ports, protocol] = split(value, '/');
    if (protocol.empty()) protocol = "tcp";
    PortBinding binding;
    const std::size_t last = ports.rfind(':');
    const std::string container = last == std::string::npos ? ports : ports.substr(last + 1);
    if (last != std::string::npos) {
        const std::string rest = ports.substr(0, last);
        const std::size_t colon = rest.rfind(':');
        binding.host = colon == std::string::npos ? rest : rest.substr(colon + 1);
        if (colon != std::string::npos) binding.ip = rest.substr(0, colon);
    }
    const bool known = protocol == "tcp" || protocol == "udp" || protocol == "sctp";
    if (!known || !is_port(container) || (!binding.host.empty() && !is_port(binding.host)))
        return bad_value("publish", value, "it is like 8080:80/tcp");
    binding.container = container + "/" + protocol;
    if (binding.host.empty()) binding.host = "0";  // The Engine picks one.
    settings.ports.push_back(std::move(binding));
    return {};
}

Result<void> apply_expose(Settings& settings, const std::string& value) {
    auto [port, protocol] = split(value, '/');
    if (!is_port(port)) return bad_value("expose", value, "it is like 80/tcp");
    settings.ports.push_back({port + "/" + (protocol.empty() ? "tcp" : protocol), {}, {}});
    return {};
}

Result<void> apply_cpus(Settings& settings, const std::string& value) {
    double cpus = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), cpus);
    if (error != std::errc{} || end != value.data() + value.size() || !(cpus > 0 && cpus < 1e6))
        return bad_value("cpus", value, "it is a number like 1.5");
    settings.host.erase("CpuQuota");
    settings.host.erase("CpuPeriod");
    settings.host["NanoCpus"] = static_cast<std::int64_t>(std::llround(cpus * 1e9));
    return {};
}

Result<void> apply_security(Settings& settings, const std::string& value) {
    // The docker client reads a profile from a file and sends its text; here no file is read for a
    // framework.
    if (value.starts_with("seccomp=") && value != "seccomp=unconfined" &&
        !value.starts_with("seccomp={"))
        return bad_value("security-opt", value,
                         "a seccomp profile must be given as its JSON text, or as unconfined");
    return apply_option(settings, {"security-opt", Kind::list, true, "SecurityOpt"}, value);
}

struct Special {
    std::string_view name;
    Result<void> (*apply)(Settings&, const std::string&);
};

/// Options that are more than a field.
constexpr std::array k_specials{
    Special{"cpus", apply_cpus},
    Special{"device", apply_device},
    Special{"entrypoint",
            [](Settings& s, const std::string& value) -> Result<void> {
                s.config["Entrypoint"] = Texts{value};
                return {};
            }},
    Special{"expose", apply_expose},
    Special{"ip",
            [](Settings& s, const std::string& value) -> Result<void> {
                s.network["IPv4Address"] = value;
                return {};
            }},
    Special{"ip6",
            [](Settings& s, const std::string& value) -> Result<void> {
                s.network["IPv6Address"] = value;
                return {};
            }},
    Special{"log-driver",
            [](Settings& s, const std::string& value) -> Result<void> {
                s.log_driver = value;
                return {};
            }},
    Special{"log-opt",
            [](Settings& s, const std::string& value) -> Result<void> {
                const auto [name, text] = split(value, '=');
                s.log_options[name] = text;
                return {};
            }},
    Special{"network-alias",
            [](Settings& s, const std::string& value) -> Result<void> {
                Field& aliases = s.network["Aliases"];
                if (!std::holds_alternative<Texts>(aliases)) aliases = Texts{};
                std::get<Texts>(aliases).push_back(value);
                return {};
            }},
    Special{"publish", apply_publish},
    Special{"security-opt", apply_security},
    Special{"tmpfs",
            [](Settings& s, const std::string& value) -> Result<void> {
                Field& map = s.host["Tmpfs"];
                if (!std::holds_alternative<TextMap>(map)) map = TextMap{};
                const auto [path, options] = split(value, ':');
                std::get<TextMap>(map)[path] = options;
                return {};
            }},
    Special{"ulimit", apply_ulimit},
};

/// Short names that `docker run` knows, and those that Mesos' users write in their place.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> k_aliases{{
    {"c", "cpu-shares"},
    {"e", "env"},
    {"h", "hostname"},
    {"l", "label"},
    {"m", "memory"},
    {"net", "network"},
    {"p", "publish"},
    {"u", "user"},
    {"v", "volume"},
    {"w", "workdir"},
    {"P", "publish-all"},
    {"net-alias", "network-alias"},
    {"dns-options", "dns-opt"},
}};

/// With these the agent could not follow the container, or not tell how it ended.
constexpr std::array<std::string_view, 12> k_refused{
    "attach",      "cidfile",    "d",    "detach",  "env-file", "i",
    "interactive", "label-file", "name", "restart", "rm",       "network"};

}  // namespace

Result<std::int64_t> parse_size(const std::string& text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    std::string unit(end, text.data() + text.size());
    std::ranges::transform(unit, unit.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    if (unit.size() > 1 && unit.ends_with('b')) unit.pop_back();
    const std::size_t power = std::string_view("bkmgtp").find(unit.empty() ? "b" : unit);
    if (error != std::errc{} || unit.size() > 1 || power == std::string_view::npos || number < 0)
        return fail(Errc::invalid_argument, "'{}' is no size; sizes are like 64m or 1g", text);
    const double bytes = number * std::pow(1024.0, static_cast<double>(power));
    if (bytes > 9e18) return fail(Errc::invalid_argument, "the size '{}' is too large", text);
    return static_cast<std::int64_t>(bytes);
}

Result<void> apply_parameter(Settings& settings, const std::string& given,
                             const std::string& value) {
    std::string name = given.substr(std::min(given.find_first_not_of('-'), given.size()));
    for (const auto& [alias, full] : k_aliases)
        if (name == alias) name = full;
    if (value.find('\0') != std::string::npos)
        return fail(Errc::invalid_argument,
                    "the parameter '{}' of the Docker container contains a NUL", given);
    for (const Special& special : k_specials)
        if (name == special.name) return special.apply(settings, value);
    for (const Option& option : k_options)
        if (name == option.name) return apply_option(settings, option, value);
    if (std::ranges::find(k_refused, name) != k_refused.end())
        return fail(Errc::unsupported,
                    "the parameter '{}' of the Docker container is the agent's to set", given);
    return fail(Errc::unsupported,
                "the parameter '{}' of the Docker container is unknown; it takes options of "
                "'docker run' by their long names",
                given);
}

}  // namespace tepui::containerizer::docker
