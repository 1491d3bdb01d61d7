#pragma once

#include "base/time.h"

namespace tepui::env {

/// Where a shell reads the time from: the machine's clocks, or a simulated world's.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Now now() const = 0;
};

}  // namespace tepui::env
