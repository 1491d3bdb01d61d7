#include "env/posix/clock.h"

#include <sys/random.h>
#include <time.h>

#include "base/assert.h"

namespace tepui::env {
namespace {

Duration read_clock(clockid_t id) {
    timespec time{};
    TEPUI_ASSERT(clock_gettime(id, &time) == 0);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

Now PosixClock::now() const {
    return Now{Instant{read_clock(CLOCK_BOOTTIME)}, WallTime{read_clock(CLOCK_REALTIME)}};
}

std::uint64_t PosixRandom::seed() {
    std::uint64_t value = 0;
    // Up to 256 bytes come whole and uninterrupted once the pool is ready.
    TEPUI_ASSERT(getrandom(&value, sizeof(value), 0) == sizeof(value));
    return value;
}

}  // namespace tepui::env
