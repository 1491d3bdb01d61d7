#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/network_options.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::cni {

/// What a plugin made. Source: the CNI specification, results of 0.1.0 to 1.0.0.
struct CniResult {
    struct Address {
        std::string ip;
        bool ipv6 = false;
        bool operator==(const Address&) const = default;
    };
    std::vector<Address> addresses;  // Of the container, not of what is on the host.
    DnsOptions dns;
    std::string json;  // As it was answered.
    bool operator==(const CniResult&) const = default;
};

/// Fails with corrupt on anything that is not a result: what is no object, an address that is none.
Result<CniResult> parse_result(std::string_view output);

/// Why a plugin failed: its own error if it answered one, else what it wrote.
std::string plugin_error(std::string_view output, std::string_view errors);

/// `info` as the container's status tells it: with the addresses that it got.
mesos::v1::NetworkInfo told_network(const mesos::v1::NetworkInfo& info, const CniResult& result);

}  // namespace tepui::containerizer::cni
