#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/isolators/network_cni/network_config.h"
#include "containerizer/network_options.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::cni {

/// One link of the chain of a network, as one container asks for it.
struct PluginPlan {
    std::string type;
    std::string config;  // What it reads, but for "prevResult".
    bool operator==(const PluginPlan&) const = default;
};

/// One network of one container: all that is needed to attach it, and to detach it later without
/// the configuration, which may have changed.
struct Attachment {
    mesos::v1::NetworkInfo info;  // As asked for.
    std::string interface;        // In the container: "eth0".
    std::string version;
    std::vector<PluginPlan> plugins;
    std::string arguments;  // CNI_ARGS
    bool begun = false;     // Some plugin may have been called.
    std::string result;     // Of the last plugin: JSON; empty: not attached.
};

/// What a container is attached to, as it is kept on disk.
struct ContainerNetworks {
    std::string container;  // CNI_CONTAINERID; unique on the machine.
    std::string hostname;
    std::vector<Attachment> attachments;
};

/// Whether a network of that name is one of the host's and needs nobody: none is named.
bool has_networks(const mesos::v1::ContainerInfo& info);

/// Traffic limits by the labels "bandwidth_ingress" and "bandwidth_egress" (to and from the
/// container): bits per second, with K, M or G for powers of 1,000. 0: none.
struct Bandwidth {
    std::uint64_t ingress = 0;
    std::uint64_t egress = 0;
    bool any() const { return ingress != 0 || egress != 0; }
    bool operator==(const Bandwidth&) const = default;
};
Result<Bandwidth> bandwidth_of(const mesos::v1::NetworkInfo& info);

/// Whether `info` asks for ports of the host; each must be among the ranges "ports" of `resources`,
/// and nobody's else here. Fails with invalid_argument, naming the port.
using Resources = google::protobuf::RepeatedPtrField<mesos::v1::Resource>;
Result<void> check_ports(const mesos::v1::ContainerInfo& info, const Resources& resources);

/// How `info` is attached to `network` as its interface number `index`. Fails with
/// invalid_argument when it asks for what none of the network's plugins does.
Result<Attachment> plan_attachment(const NetworkConfig& network, const mesos::v1::NetworkInfo& info,
                                   std::size_t index, const DnsOptions* dns);

/// What a plugin reads after one that answered `previous` (JSON; empty: it is the first).
Result<std::string> plugin_input(const PluginPlan& plugin, const std::string& previous);

/// To and from the bytes of a file. Fails with corrupt.
std::string encode(const ContainerNetworks& networks);
Result<ContainerNetworks> decode(std::string_view text);

}  // namespace tepui::containerizer::cni
