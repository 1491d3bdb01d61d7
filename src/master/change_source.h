#pragma once

#include <functional>

#include "master/core/state.h"

namespace tepui::master {

/// What keepers of copies of the state take from the loop's core, on the loop's thread. Who can
/// wait takes later, and is told less of what came and went in between.
struct ChangeSource {
    /// Core::take_changes().
    std::function<Changes()> take;
    /// Core::pack(). Costs up to two microseconds a task, so what is not urgent is packed in parts.
    std::function<void(const Changes&)> pack;
};

}  // namespace tepui::master
