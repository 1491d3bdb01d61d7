#include "containerizer/isolators/cgroups_net_cls/handles.h"

namespace tepui::containerizer {

Result<std::uint32_t> NetClsHandles::take() {
    for (std::uint32_t secondary = secondary_.first; secondary <= secondary_.second; ++secondary) {
        const std::uint32_t handle = (std::uint32_t{primary_} << 16) | secondary;
        if (taken_.insert(handle).second) return handle;
    }
    return fail(
        Errc::unavailable,
        "all {} traffic class handles of {:#x} are taken; --cgroups_net_cls_secondary_handles "
        "gives more",
        secondary_.second - secondary_.first + 1, primary_);
}

bool NetClsHandles::take(std::uint32_t handle) {
    return handle >> 16 == primary_ && taken_.insert(handle).second;
}

void NetClsHandles::give_back(std::uint32_t handle) { taken_.erase(handle); }

}  // namespace tepui::containerizer
