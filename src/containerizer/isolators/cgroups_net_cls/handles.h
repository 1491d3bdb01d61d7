#pragma once

#include <cstdint>
#include <set>

#include "base/result.h"
#include "containerizer/cgroups/options.h"

namespace tepui::containerizer {

/// Traffic class handles of one primary number: upper 16 bits the primary, lower the secondary.
class NetClsHandles {
public:
    NetClsHandles(std::uint16_t primary, NumberRange secondary)
        : primary_(primary), secondary_(secondary) {}

    /// The lowest free one. Fails with unavailable when all are taken.
    Result<std::uint32_t> take();
    /// One that a container of an earlier agent has; false when it is not of this primary number or
    /// taken: it stays with the container and is nobody's otherwise.
    bool take(std::uint32_t handle);
    void give_back(std::uint32_t handle);

private:
    const std::uint16_t primary_;
    const NumberRange secondary_;
    std::set<std::uint32_t> taken_;
};

}  // namespace tepui::containerizer
