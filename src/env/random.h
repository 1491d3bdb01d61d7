#pragma once

#include <cstdint>

namespace tepui::env {

/// A source of seeds. The machine's is unpredictable (fit for ids and tokens), a simulation's is
/// not.
class Random {
public:
    virtual ~Random() = default;
    virtual std::uint64_t seed() = 0;
};

}  // namespace tepui::env
