#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace mesos::v1 {
class AgentInfo;
namespace scheduler {
class OfferConstraints;
}
}  // namespace mesos::v1

namespace tepui::allocator {

/// What one regular expression may cost. Source: Apache Mesos 1.12-dev
/// docs/configuration/master.md,
/// --offer_constraints_re2_max_mem (4096 bytes) and --offer_constraints_re2_max_program_size (100).
struct RegexLimits {
    std::int64_t memory_bytes_max = 4096;
    int program_size_max = 100;
};

/// Which agents a role of a framework wants: one of the groups must hold, all conditions of it.
/// A condition looks at the first attribute of a name, at the hostname, region or zone. One about
/// texts holds for every attribute that is there and is no text. Cheap to copy; immutable.
class RoleConstraints {
public:
    bool allow(const mesos::v1::AgentInfo& agent) const;
    /// Whether both were compiled from the same.
    bool operator==(const RoleConstraints& other) const;

    struct Groups;
    explicit RoleConstraints(std::shared_ptr<const Groups> groups);

private:
    std::shared_ptr<const Groups> groups_;
};

/// Fails with invalid_argument for empty lists, unset selectors and predicates, and regular
/// expressions that are wrong or cost more than `limits`; the text names the role.
Result<std::map<std::string, RoleConstraints>> compile_constraints(
    const mesos::v1::scheduler::OfferConstraints& constraints, const RegexLimits& limits = {});

}  // namespace tepui::allocator
