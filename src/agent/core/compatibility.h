#pragma once

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// Whether an agent stored as `before` may go on as `now` (reconfiguration policy "equal"): the
/// same hostname, port, resources, attributes and domain. The error names what differs and the way
/// out.
Result<void> check_compatible(const mesos::v1::AgentInfo& before, const mesos::v1::AgentInfo& now);

}  // namespace tepui::agent
