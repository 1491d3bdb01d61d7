#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tepui::containerizer {

/// What goes into a resolv.conf.
struct DnsOptions {
    std::vector<std::string> nameservers;  // Addresses.
    std::string domain;
    std::vector<std::string> search;
    std::vector<std::string> options;
    bool operator==(const DnsOptions&) const = default;
};

/// One entry of --default_container_dns for our own containers.
struct NetworkDns {
    std::optional<std::string> network;  // Absent: of every network without an entry.
    DnsOptions dns;
    bool operator==(const NetworkDns&) const = default;
};

/// The same for containers of the Docker Engine.
struct DockerNetworkDns {
    std::string mode;                    // "bridge", "host" or "user".
    std::optional<std::string> network;  // Of "user"; absent: of every one without an entry.
    DnsOptions dns;
    bool operator==(const DockerNetworkDns&) const = default;
};

/// What --default_container_dns says.
struct DefaultDns {
    std::vector<NetworkDns> mesos;
    std::vector<DockerNetworkDns> docker;
    bool operator==(const DefaultDns&) const = default;
};

/// Of network/cni.
struct NetworkOptions {
    std::vector<std::string>
        plugin_dirs;         // Searched in this order; empty: where packages put them.
    std::string config_dir;  // Of *.conf, *.conflist, *.json; empty: none.
    bool persist = false;    // What containers are attached to is known after a reboot too.
    bool metrics = true;     // Traffic of containers is counted in their usage.
    std::string bridge_subnet =
        "10.87.0.0/16";  // Of the network "bridge" when nobody configured it.
    DefaultDns dns;
};

}  // namespace tepui::containerizer
