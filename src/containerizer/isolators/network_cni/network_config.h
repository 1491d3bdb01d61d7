#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer::cni {

/// One link of a chain.
struct PluginConfig {
    std::string type;                    // The program's name.
    std::string json;                    // Its own part of the configuration: an object.
    std::set<std::string> capabilities;  // What it wants to be told: "portMappings" and others.
    bool operator==(const PluginConfig&) const = default;
};

/// A network as an operator wrote it down. Source: the CNI specification, 0.1.0 to 1.0.0.
struct NetworkConfig {
    std::string name;
    std::string version;  // "cniVersion"
    std::vector<PluginConfig> plugins;
    bool operator==(const NetworkConfig&) const = default;

    bool has_capability(const std::string& name) const;
};

/// Reads a configuration of one plugin or a list. One of type "mesos-cni-port-mapper" becomes what
/// it stands for: its delegate, followed by the plugin portmap. Fails with invalid_argument, naming
/// the field.
Result<NetworkConfig> parse_network(std::string_view text);

/// Whether `name` may name a network, a plugin or a container.
bool is_plain_name(std::string_view name);

/// The networks of a folder, read anew each time.
struct NetworkCatalog {
    std::map<std::string, NetworkConfig> networks;
    std::vector<std::string> problems;  // Of files that could not be taken, a sentence each.

    /// Fails with not_found, with what is wrong in the folder if anything is.
    Result<NetworkConfig> find(const std::string& name) const;
};

/// Reads *.conf, *.conflist and *.json. A name that two files have is taken from the first of them,
/// in the order of their names. An empty `directory` has none.
NetworkCatalog read_catalog(const std::string& directory);

/// What a bridge of our own is to have.
struct BridgeNeeds {
    std::string subnet;
    bool ports = false;
    bool bandwidth = false;
    bool firewall = false;  // Rules by which a host that forwards nothing forwards this.
};

/// The interface of the bridge with these addresses. Agents that share a machine and a subnet share
/// it, and only those can.
std::string bridge_device(const std::string& subnet);

/// The network "bridge" that is there without a configuration.
NetworkConfig default_bridge(const BridgeNeeds& needs);

}  // namespace tepui::containerizer::cni
