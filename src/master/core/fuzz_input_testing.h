#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

namespace tepui::master::testing {

/// A fuzzer's bytes, read as choices; zeros after their end. Zero stands for what is ordinary, so
/// that short inputs make sound clusters.
class FuzzInput {
public:
    FuzzInput(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

    bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const std::uint8_t first = left_.front();
        left_ = left_.subspan(1);
        return first;
    }
    /// 0 when there is nothing to choose from.
    std::size_t below(std::size_t count) { return count == 0 ? 0 : byte() % count; }
    bool flag() { return (byte() & 1) != 0; }
    /// One byte in eight says so.
    bool rarely() { return byte() >= 0xe0; }
    /// As many bytes as the first two say (least one first), or as there are.
    std::string bytes() {
        std::size_t size = byte();
        size += std::size_t{byte()} << 8;
        size = std::min(size, left_.size());
        std::string taken(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(size));
        left_ = left_.subspan(size);
        return taken;
    }
    template <typename T, std::size_t n>
    const T& of(const T (&choices)[n]) {
        return choices[below(n)];
    }

private:
    std::span<const std::uint8_t> left_;
};

}  // namespace tepui::master::testing
