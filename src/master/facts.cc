#include "master/facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "daemon/version.h"
#include "daemon/version_info.h"

namespace tepui::master {
namespace {

/// An IPv4 address as MasterInfo carries it: its bytes in network order, read as a host's integer.
std::uint32_t ip_number(const std::string& ip) {
    in_addr address{};
    return ::inet_pton(AF_INET, ip.c_str(), &address) == 1 ? address.s_addr : 0;
}

mesos::v1::MasterInfo make_info(const std::string& id, const std::string& ip,
                                const std::string& hostname, std::uint16_t port) {
    mesos::v1::MasterInfo info;
    info.set_id(id);
    info.set_ip(ip_number(ip));
    info.set_port(port);
    info.set_pid(fmt::format("master@{}:{}", ip, port));
    info.set_hostname(hostname);
    info.set_version(std::string(daemon::api_version));
    info.mutable_address()->set_hostname(hostname);
    info.mutable_address()->set_ip(ip);
    info.mutable_address()->set_port(port);
    for (const auto type : {mesos::v1::MasterInfo::Capability::AGENT_UPDATE,
                            mesos::v1::MasterInfo::Capability::AGENT_DRAINING,
                            mesos::v1::MasterInfo::Capability::QUOTA_V2})
        info.add_capabilities()->set_type(type);
    return info;
}

std::map<std::string, std::string> make_flags(const MasterOptions& options,
                                              const std::string& hostname, std::uint16_t port) {
    const CoreConfig& core = options.core;
    std::map<std::string, std::string> flags{
        {"agent_ping_timeout", format_duration(core.agent_ping_timeout)},
        {"agent_reregister_timeout", format_duration(core.agent_reregister_timeout)},
        {"allocation_interval", format_duration(core.allocation_interval)},
        {"hostname", hostname},
        {"ip", options.ip},
        {"max_agent_ping_timeouts", std::to_string(core.max_agent_ping_timeouts)},
        {"max_completed_frameworks", std::to_string(core.max_completed_frameworks)},
        {"max_completed_tasks_per_framework",
         std::to_string(core.max_completed_tasks_per_framework)},
        {"max_unreachable_tasks_per_framework",
         std::to_string(core.max_unreachable_tasks_per_framework)},
        {"port", std::to_string(port)},
        {"registry", options.registry == RegistryKind::in_memory ? "in_memory" : "sqlite"},
        {"root_submissions", core.root_submissions ? "true" : "false"},
    };
    if (core.offer_timeout) flags["offer_timeout"] = format_duration(*core.offer_timeout);
    if (!options.work_dir.empty()) flags["work_dir"] = options.work_dir;
    if (!options.cluster.empty()) flags["cluster"] = options.cluster;
    for (const auto& [name, value] : options.flags) flags.insert_or_assign(name, value);
    return flags;
}

}  // namespace

std::string advertised_ip(const std::string& ip) {
    if (ip != "0.0.0.0" && ip != "::") return ip;
    std::string found = "127.0.0.1";
    ifaddrs* interfaces = nullptr;
    if (::getifaddrs(&interfaces) != 0) return found;
    for (const ifaddrs* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
        const bool usable = entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET &&
                            (entry->ifa_flags & IFF_LOOPBACK) == 0 &&
                            (entry->ifa_flags & IFF_UP) != 0;
        if (!usable) continue;
        char text[INET_ADDRSTRLEN];
        const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
        if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text) == nullptr) continue;
        found = text;
        break;
    }
    ::freeifaddrs(interfaces);
    return found;
}

MasterFacts make_facts(const MasterOptions& options, const std::string& id, std::uint16_t port,
                       const std::string& log_path, WallTime now) {
    const std::string ip =
        options.advertise_ip.empty() ? advertised_ip(options.ip) : options.advertise_ip;
    const std::string hostname = options.hostname.empty() ? ip : options.hostname;
    MasterFacts facts;
    facts.info =
        make_info(id, ip, hostname, options.advertise_port != 0 ? options.advertise_port : port);
    facts.cluster = options.cluster;
    facts.log_dir =
        log_path.substr(0, log_path.rfind('/') == std::string::npos ? 0 : log_path.rfind('/'));
    facts.flags = make_flags(options, hostname, port);
    facts.started_at = now;
    facts.elected_at = now;  // The only master of its registry.
    facts.version = daemon::version_info();
    return facts;
}

}  // namespace tepui::master
