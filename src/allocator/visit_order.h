#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

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

/// What the lots of one agent in one round are drawn from.
inline std::uint64_t lots_key(std::uint64_t seed, std::uint64_t round, std::uint64_t serial) {
    return visit_key(seed ^ 0x6c6f7473, round, serial);
}

/// The same framework draws another lot in each of its roles. (FNV-1a)
inline std::uint64_t draw_in_role(std::uint64_t draw, std::string_view role) {
    std::uint64_t hash = 0xcbf29ce484222325U ^ draw;
    for (const char c : role) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

/// The lowest lot comes first. Lots are exponentially distributed, so that the chance to be first
/// among some is in proportion to the weight.
inline double lot(std::uint64_t draw, std::string_view name, double weight) {
    const auto bits = visit_key(draw_in_role(draw, name), 0, 0) >> 11;  // 53 of them.
    return -std::log((static_cast<double>(bits) + 1) * 0x1p-53) / weight;
}

}  // namespace tepui::allocator
