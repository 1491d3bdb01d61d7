#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "mesos/v1/mesos.pb.h"
#include "tepui/registry.pb.h"

namespace tepui::master {

/// The decoded registry. Keys of other owners are not touched.
struct Registry {
    std::uint64_t epoch = 0;
    std::map<AgentId, registry::AgentRecord> agents;
    std::map<FrameworkId, registry::FrameworkRecord> frameworks;
    std::map<std::string, double> weights;  // Of roles that an operator gave one.
    std::map<std::string, mesos::v1::quota::QuotaConfig> quotas;
    std::map<std::string, std::int32_t> priorities;
    registry::MaintenanceRecord maintenance;
};

inline constexpr const char* epoch_key = "epoch";

/// "agents/<id>", "frameworks/<id>", "weights/<role>"; what is not a letter, digit, '.', '_' or '-'
/// in a name that a client chose is written as %XX, so that keys are plain ASCII.
std::string agent_key(const AgentId& id);
std::string framework_key(const FrameworkId& id);
std::string weight_key(const std::string& role);

/// Fails with corrupt; the text names the key.
Result<Registry> decode_registry(const std::map<std::string, std::string>& stored);

std::string encode_agent(const mesos::v1::AgentInfo& info, const std::string& version,
                         WallTime registered_at, std::optional<WallTime> unreachable_since,
                         bool deactivated = false, const mesos::v1::DrainInfo* drain = nullptr);
/// Keeps the id and the hostname only.
std::string encode_gone_agent(const mesos::v1::AgentInfo& info, WallTime gone_since);
std::string encode_connected(const mesos::v1::FrameworkInfo& info, WallTime registered_at);
std::string encode_disconnected(const mesos::v1::FrameworkInfo& info, WallTime registered_at,
                                WallTime teardown_at);
/// Keeps the id only: an ended framework is remembered to be refused.
std::string encode_ended(const FrameworkId& id, WallTime ended_at);
std::string encode_weight(const std::string& role, double weight);
std::string quota_key(const std::string& role);
std::string encode_quota(const mesos::v1::quota::QuotaConfig& config);
std::string priority_key(const std::string& role);
std::string encode_priority(const std::string& role, std::int32_t priority);
inline constexpr const char* maintenance_key = "maintenance";

}  // namespace tepui::master
