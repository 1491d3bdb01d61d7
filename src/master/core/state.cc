#include "master/core/state.h"

#include <algorithm>

namespace tepui::master {

bool Framework::has_capability(mesos::v1::FrameworkInfo::Capability::Type type) const {
    return std::ranges::any_of(info->capabilities(),
                               [type](const auto& c) { return c.type() == type; });
}

std::string agent_address(const mesos::v1::AgentInfo& info) {
    return fmt::format("{}:{}", info.hostname(), info.port());
}

}  // namespace tepui::master
