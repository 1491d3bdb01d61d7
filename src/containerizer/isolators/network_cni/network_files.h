#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/network_options.h"

namespace tepui::containerizer::cni {

/// The text of a resolv.conf.
std::string resolv_conf(const DnsOptions& dns);

/// A host's resolv.conf without the nameservers that only the host itself can reach.
std::string without_loopback(std::string_view resolv_conf);

/// The text of a hosts file: loopback, and `hostname` at each of `addresses`.
std::string hosts_file(const std::string& hostname, const std::vector<std::string>& addresses);

/// The name that a container goes by: `asked`, else made of its id. Fails with invalid_argument on
/// what can be no host's name.
Result<std::string> choose_hostname(const std::string& asked, std::string_view container_id);

/// The entry of `dns` that concerns a network; nullptr: none does.
const DnsOptions* find_dns(const std::vector<NetworkDns>& dns, const std::string& network);

/// The same of the Docker network `network` of type `mode` (DockerNetworkDns).
const DnsOptions* find_dns(const std::vector<DockerNetworkDns>& dns, std::string_view mode,
                           const std::string& network);

/// Reads --default_container_dns. Fails with invalid_argument.
Result<DefaultDns> parse_default_dns(std::string_view json);

}  // namespace tepui::containerizer::cni
