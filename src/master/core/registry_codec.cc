#include "master/core/registry_codec.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "master/core/quota_config.h"
#include "resources/resources.h"

namespace tepui::master {

namespace {

constexpr std::string_view agents_prefix = "agents/";
constexpr std::string_view frameworks_prefix = "frameworks/";
constexpr std::string_view weights_prefix = "weights/";
constexpr std::string_view quotas_prefix = "quotas/";
constexpr std::string_view priorities_prefix = "priorities/";

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

std::string escaped(std::string_view prefix, std::string_view id) {
    std::string key(prefix);
    for (const char c : id) {
        if (is_plain(c)) {
            key += c;
        } else {
            key += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return key;
}

// Unlike ParseFromString() it leaves standard error alone when a required field is missing.
bool parse(google::protobuf::MessageLite& record, const std::string& value) {
    return record.ParsePartialFromString(value) && record.IsInitialized();
}

Result<std::uint64_t> decode_epoch(const std::string& text) {
    std::uint64_t epoch = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, epoch);
    if (error != std::errc{} || stop != end) {
        return fail(Errc::corrupt, "registry key {}: '{}' is not a number", epoch_key, text);
    }
    return epoch;
}

std::string encode_framework(const mesos::v1::FrameworkInfo& info, WallTime registered_at,
                             registry::FrameworkRecord::Phase phase,
                             std::optional<WallTime> teardown_at) {
    registry::FrameworkRecord record;
    *record.mutable_framework() = info;
    record.set_phase(phase);
    record.set_registered_at_nanoseconds(registered_at.since_epoch.count());
    if (teardown_at) record.set_teardown_at_nanoseconds(teardown_at->since_epoch.count());
    return record.SerializeAsString();
}

}  // namespace

std::string agent_key(const AgentId& id) { return escaped(agents_prefix, id.value); }
std::string framework_key(const FrameworkId& id) { return escaped(frameworks_prefix, id.value); }
std::string weight_key(const std::string& role) { return escaped(weights_prefix, role); }
std::string quota_key(const std::string& role) { return escaped(quotas_prefix, role); }
std::string priority_key(const std::string& role) { return escaped(priorities_prefix, role); }

Result<Registry> decode_registry(const std::map<std::string, std::string>& stored) {
    Registry registry;
    for (const auto& [key, value] : stored) {
        if (key == epoch_key) {
            registry.epoch = TEPUI_TRY(decode_epoch(value));
        } else if (key.starts_with(agents_prefix)) {
            registry::AgentRecord record;
            if (!parse(record, value) || record.agent().id().value().empty()) {
                return fail(Errc::corrupt, "registry key {}: not an agent record", key);
            }
            registry.agents.emplace(AgentId{record.agent().id().value()}, std::move(record));
        } else if (key.starts_with(frameworks_prefix)) {
            registry::FrameworkRecord record;
            if (!parse(record, value) || record.framework().id().value().empty()) {
                return fail(Errc::corrupt, "registry key {}: not a framework record", key);
            }
            registry.frameworks.emplace(FrameworkId{record.framework().id().value()},
                                        std::move(record));
        } else if (key.starts_with(weights_prefix)) {
            registry::WeightRecord record;
            if (!parse(record, value) || !validate_role(record.role()) ||
                !std::isfinite(record.weight()) || record.weight() <= 0) {
                return fail(Errc::corrupt, "registry key {}: not a weight record", key);
            }
            registry.weights.insert_or_assign(record.role(), record.weight());
        } else if (key.starts_with(quotas_prefix)) {
            registry::QuotaRecord record;
            if (!parse(record, value) || !parse_quota_config(record.config())) {
                return fail(Errc::corrupt, "registry key {}: not a quota record", key);
            }
            registry.quotas.insert_or_assign(record.config().role(), record.config());
        } else if (key.starts_with(priorities_prefix)) {
            registry::PriorityRecord record;
            if (!parse(record, value) || !validate_role(record.role())) {
                return fail(Errc::corrupt, "registry key {}: not a priority record", key);
            }
            registry.priorities.insert_or_assign(record.role(), record.priority());
        } else if (key == maintenance_key) {
            if (!parse(registry.maintenance, value)) {
                return fail(Errc::corrupt, "registry key {}: not a maintenance record", key);
            }
        }
    }
    return registry;
}

std::string encode_agent(const mesos::v1::AgentInfo& info, const std::string& version,
                         WallTime registered_at, std::optional<WallTime> unreachable_since,
                         bool deactivated, const mesos::v1::DrainInfo* drain) {
    registry::AgentRecord record;
    *record.mutable_agent() = info;
    record.set_version(version);
    record.set_registered_at_nanoseconds(registered_at.since_epoch.count());
    if (unreachable_since) {
        record.set_unreachable_since_nanoseconds(unreachable_since->since_epoch.count());
    }
    if (deactivated) record.set_deactivated(true);
    if (drain != nullptr) *record.mutable_drain() = *drain;
    return record.SerializeAsString();
}

std::string encode_gone_agent(const mesos::v1::AgentInfo& info, WallTime gone_since) {
    registry::AgentRecord record;
    *record.mutable_agent()->mutable_id() = info.id();
    record.mutable_agent()->set_hostname(info.hostname());
    record.set_gone_since_nanoseconds(gone_since.since_epoch.count());
    return record.SerializeAsString();
}

std::string encode_connected(const mesos::v1::FrameworkInfo& info, WallTime registered_at) {
    return encode_framework(info, registered_at, registry::FrameworkRecord::CONNECTED, {});
}

std::string encode_disconnected(const mesos::v1::FrameworkInfo& info, WallTime registered_at,
                                WallTime teardown_at) {
    return encode_framework(info, registered_at, registry::FrameworkRecord::DISCONNECTED,
                            teardown_at);
}

std::string encode_ended(const FrameworkId& id, WallTime ended_at) {
    registry::FrameworkRecord record;
    record.mutable_framework()->mutable_id()->set_value(id.value);
    record.mutable_framework()->set_user("");
    record.mutable_framework()->set_name("");
    record.set_phase(registry::FrameworkRecord::ENDED);
    record.set_ended_at_nanoseconds(ended_at.since_epoch.count());
    return record.SerializeAsString();
}

std::string encode_weight(const std::string& role, double weight) {
    registry::WeightRecord record;
    record.set_role(role);
    record.set_weight(weight);
    return record.SerializeAsString();
}

std::string encode_quota(const mesos::v1::quota::QuotaConfig& config) {
    registry::QuotaRecord record;
    *record.mutable_config() = config;
    return record.SerializeAsString();
}

std::string encode_priority(const std::string& role, std::int32_t priority) {
    registry::PriorityRecord record;
    record.set_role(role);
    record.set_priority(priority);
    return record.SerializeAsString();
}

}  // namespace tepui::master
