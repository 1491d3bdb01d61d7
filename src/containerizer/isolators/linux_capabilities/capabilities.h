#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "containerizer/launch_plan.h"
#include "containerizer/security_options.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer {

/// A bit for each, as the kernel numbers them. Fails on a number that is none.
Result<std::uint64_t> capability_mask(const mesos::v1::CapabilityInfo& info);

/// "CHOWN, KILL" for people; "none" for nothing.
std::string capability_names(std::uint64_t mask);

/// The bit of "CAP_CHOWN" or "CHOWN"; nothing when there is no such capability.
std::optional<std::uint64_t> find_capability(std::string_view name);

/// What a task gets. `agent`: what this process has, beyond which nobody can be given anything.
/// `is_root`: the task runs as root. Nothing when neither the flags nor the task say anything.
///
/// The bounding set is the task's, else the flag's, else that of its effective ones. The effective
/// ones are the task's, else the flag's within the bounding set; else root starts with all of the
/// bounding set, as it does without this isolator, and others with none. Fails with denied on what
/// is beyond the flag's bounding set or the agent's own, and with invalid_argument where the
/// effective ones go beyond the bounding set of the same task.
Result<std::optional<CapabilityPlan>> plan_capabilities(const mesos::v1::LinuxInfo& asked,
                                                        const SecurityOptions& flags,
                                                        std::uint64_t agent, bool is_root);

}  // namespace tepui::containerizer
