#include "cli/daemon/network_flags.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"
#include "containerizer/isolators/network_cni/network_files.h"

namespace tepui::cli {

namespace {

constexpr unsigned k_bits_min = 8;
constexpr unsigned k_bits_max = 30;  // Below that there is no room for a container.

Result<void> check_subnet(std::string_view text) {
    const std::size_t slash = text.find('/');
    in_addr address{};
    unsigned bits = 0;
    const std::string_view length = slash == std::string_view::npos ? "" : text.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    const bool whole = !length.empty() && error == std::errc{} &&
                       end == length.data() + length.size() && bits >= k_bits_min &&
                       bits <= k_bits_max;
    if (!whole || ::inet_pton(AF_INET, std::string(text.substr(0, slash)).c_str(), &address) != 1)
        return fail(Errc::invalid_argument, "'{}' is no IPv4 subnet such as 10.87.0.0/16", text);
    const std::uint32_t host_bits = 0xffff'ffffU >> bits;
    if ((ntohl(address.s_addr) & host_bits) != 0)
        return fail(Errc::invalid_argument, "'{}' is an address in a subnet, not a subnet", text);
    return {};
}

Result<void> check_dns(std::string_view json) {
    const auto dns = containerizer::cni::parse_default_dns(json);
    if (!dns) return std::unexpected(dns.error());
    return {};
}

}  // namespace

std::vector<Flag> network_flags() {
    return {
        daemon_flag("Networks", "network_cni_plugins_dir", "PATH:...", "",
                    "With the isolator network/cni: where CNI plugins are. Without it: "
                    "/usr/lib/cni:/opt/cni/bin.",
                    not_empty()),
        daemon_flag("Networks", "network_cni_config_dir", "PATH", "",
                    "With the isolator network/cni: where networks are configured, in *.conf, "
                    "*.conflist and *.json; read anew at each launch. Without it there is one "
                    "network, bridge.",
                    not_empty()),
        daemon_switch("Networks", "network_cni_root_dir_persist", "false",
                      "Keep what containers are attached to through a reboot, to be detached "
                      "after it."),
        daemon_switch("Networks", "network_cni_metrics", "true",
                      "Count the traffic of containers with a network of their own."),
        daemon_flag("Networks", "network_bridge_subnet", "SUBNET", "10.87.0.0/16",
                    "Addresses of the network bridge, unless one of that name is configured.",
                    check_subnet),
        daemon_flag("Networks", "default_container_dns", "JSON", "",
                    "What is in the resolv.conf of containers whose network says nothing of it: "
                    "{\"mesos\": [{\"network_mode\": \"CNI\", \"network_name\": \"net\", \"dns\": "
                    "{\"nameservers\": [\"10.0.0.53\"], \"search\": [\"example.com\"]}}]}; without "
                    "network_name for all of them; \"docker\" for Docker containers, with BRIDGE, "
                    "HOST or USER. Without it: as on the host.",
                    check_dns),
    };
}

Result<void> read_network_flags(const Parsed& parsed, containerizer::NetworkOptions& options) {
    const std::string given = parsed.value("network_cni_plugins_dir");
    std::string_view directories = given;
    while (!directories.empty()) {
        const std::string_view directory = directories.substr(0, directories.find(':'));
        directories.remove_prefix(std::min(directories.size(), directory.size() + 1));
        if (!directory.empty()) options.plugin_dirs.push_back(absolute_path(directory));
    }
    if (parsed.given("network_cni_config_dir"))
        options.config_dir = absolute_path(parsed.value("network_cni_config_dir"));
    options.persist = parsed.enabled("network_cni_root_dir_persist");
    options.metrics = parsed.enabled("network_cni_metrics");
    options.bridge_subnet = parsed.value("network_bridge_subnet");
    if (parsed.given("default_container_dns"))
        options.dns =
            TEPUI_TRY(containerizer::cni::parse_default_dns(parsed.value("default_container_dns")));
    return {};
}

}  // namespace tepui::cli
