#pragma once

#include <optional>
#include <set>
#include <string>

#include "allocator/constraints.h"
#include "base/result.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

// Judgements about what clients send. Pure; the errors' texts name the object and reach the client.
namespace tepui::master {

/// What each scheduler call needs: type, framework_id (not for SUBSCRIBE), its sub-message, 16 byte
/// uuids. For SUBSCRIBE also that both framework ids agree and that the principal is the
/// authenticated one (when there is one). Errors are 400s.
Result<void> validate_call(const mesos::v1::scheduler::Call& call,
                           const std::optional<std::string>& principal = std::nullopt);

struct FrameworkRules {
    bool root_submissions = true;
    std::optional<std::set<std::string>> roles = {};  // Those that there are; absent: any.
    allocator::RegexLimits regex = {};
};

/// What SUBSCRIBE is refused for with an ERROR event: roles against capabilities, role names,
/// failover_timeout, user, id, suppressed roles, offer filters and constraints.
Result<void> validate_framework(const mesos::v1::scheduler::Call::Subscribe& subscribe,
                                const FrameworkRules& rules);

/// Roles by which the framework takes part: `roles` with MULTI_ROLE, else `role`.
std::set<std::string> framework_roles(const mesos::v1::FrameworkInfo& info);

bool has_capability(const mesos::v1::FrameworkInfo& info,
                    mesos::v1::FrameworkInfo::Capability::Type type);

/// Agents before 1.0.0 are not admitted: they know nothing of being unreachable and back. The error
/// names the version and what to do.
Result<void> validate_agent_version(const std::string& version);

}  // namespace tepui::master
