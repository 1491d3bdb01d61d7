#include "master/core/resource_shapes.h"

#include <algorithm>

namespace tepui::master {

std::shared_ptr<const Resources> ResourceShapes::share(Resources resources) {
    auto found = std::ranges::find_if(
        recent_, [&](const auto& shape) { return !shape || *shape == resources; });
    if (found == recent_.end()) {
        --found;  // The one that was not asked for the longest makes room.
        found->reset();
    }
    if (!*found) *found = std::make_shared<const Resources>(std::move(resources));
    std::rotate(recent_.begin(), found, found + 1);
    return recent_.front();
}

}  // namespace tepui::master
