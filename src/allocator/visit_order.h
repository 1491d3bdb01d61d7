#pragma once

#include <cstdint>

namespace tepui::allocator {

/// Place of an agent in one round: agents are visited by ascending keys. It depends on nothing but
/// its arguments, so that leaving agents out does not change the order of the others.
/// `serial` counts add_agent() calls from 0, `round` allocate() calls from 1. (splitmix64)
inline std::uint64_t visit_key(std::uint64_t seed, std::uint64_t round, std::uint64_t serial) {
    std::uint64_t x = seed + round * 0x9e3779b97f4a7c15U + serial * 0xd1342543de82ef95U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

}  // namespace tepui::allocator
