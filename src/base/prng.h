#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace tepui {

/// A small deterministic generator (xoshiro256**, seeded through splitmix64). Cores own one and the
/// shell gives its seed, so that the same seed replays the same run. Not for secrets.
class Prng {
public:
    explicit Prng(std::uint64_t seed);

    std::uint64_t next();
    /// Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
    /// Uniform in [0, 1).
    double unit();
    /// 16 raw bytes of a version 4 UUID.
    std::string uuid_bytes();
    /// The same in text, 8-4-4-4-12 lower-case hexadecimal digits.
    std::string uuid_text();

private:
    std::array<std::uint64_t, 4> state_;
};

/// Text of 16 raw UUID bytes; any other length gives their plain hexadecimal text.
std::string uuid_to_text(const std::string& bytes);

}  // namespace tepui
