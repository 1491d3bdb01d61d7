#include "base/prng.h"

#include <bit>
#include <cstring>

#include "base/assert.h"

namespace tepui {

Prng::Prng(std::uint64_t seed) {
    // splitmix64 spreads a small seed over the whole state.
    for (std::uint64_t& word : state_) {
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        word = z ^ (z >> 31);
    }
}

std::uint64_t Prng::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t Prng::below(std::uint64_t bound) {
    TEPUI_ASSERT(bound > 0);
    // Multiply-shift; the bias is below bound / 2^64.
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

double Prng::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::string Prng::uuid_bytes() {
    std::string bytes(16, '\0');
    const std::uint64_t words[2] = {next(), next()};
    std::memcpy(bytes.data(), words, sizeof(words));
    bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
    return bytes;
}

std::string Prng::uuid_text() { return uuid_to_text(uuid_bytes()); }

std::string uuid_to_text(const std::string& bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes.size() == 16 && (i == 4 || i == 6 || i == 8 || i == 10)) text += '-';
        const auto byte = static_cast<unsigned char>(bytes[i]);
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

}  // namespace tepui
