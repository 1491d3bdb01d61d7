#pragma once

#include <string>

#include "agent/core/context.h"

namespace tepui::agent {

void answer_error(Context& context, std::uint64_t request, Errc code, std::string text);
void answer_end(Context& context, std::uint64_t request, const ContainerEnd& end);
/// Forgets one that ended, and its checkpoint. Its sandbox stays.
void forget_nested(Context& context, const ContainerId& container);

}  // namespace tepui::agent
