#pragma once

#include <vector>

#include "agent/core/context.h"

namespace tepui::agent {

/// Brings what was stored and what was found together: adopts what runs, reports what ended,
/// gives up what is gone, destroys what nobody owns.
void recover_agent(Context& context, std::vector<FoundContainer> found);

}  // namespace tepui::agent
