#pragma once

#include <array>
#include <memory>

#include "resources/resources.h"

namespace tepui::master {

/// Resources that come in few shapes, such as those of a framework's tasks: equal ones share one
/// object. Remembers the shapes that were asked for last, so the others only cost their own bytes.
class ResourceShapes {
public:
    std::shared_ptr<const Resources> share(Resources resources);

private:
    std::array<std::shared_ptr<const Resources>, 4> recent_;  // The newest first; the rest null.
};

}  // namespace tepui::master
