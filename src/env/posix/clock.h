#pragma once

#include "env/clock.h"
#include "env/random.h"

namespace tepui::env {

/// CLOCK_BOOTTIME and CLOCK_REALTIME of this machine.
class PosixClock final : public Clock {
public:
    Now now() const override;
};

/// getrandom(2).
class PosixRandom final : public Random {
public:
    std::uint64_t seed() override;
};

}  // namespace tepui::env
