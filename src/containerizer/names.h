#pragma once

#include <string>

#include "base/ids.h"

namespace tepui::containerizer {

/// Longest result of short_name().
inline constexpr std::size_t k_short_name_max = 36;

/// The container's name in directories and sockets: the id itself when it is short and harmless (a
/// UUID is), else a hash of it. Stable over versions, because a later agent looks for it.
std::string short_name(const ContainerId& container);

}  // namespace tepui::containerizer
