#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tepui::wire {

/// Steps through the bytes of a protobuf message. The bytes must be what libprotobuf wrote in this
/// process, so nothing is checked here; bytes from outside go through libprotobuf's own parser.
class ProtobufCursor {
public:
    explicit ProtobufCursor(std::string_view bytes)
        : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    bool done() const { return at_ == end_; }
    std::string_view rest() const { return {at_, end_}; }

    /// Also reads tags: (field number << 3 | encoding).
    std::uint64_t varint() {
        std::uint64_t value = static_cast<std::uint8_t>(*at_++);
        if (value < 0x80) [[likely]]
            return value;
        value &= 0x7f;
        for (int shift = 7;; shift += 7) {
            const std::uint64_t byte = static_cast<std::uint8_t>(*at_++);
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
    }

    template <typename Number>
    Number fixed() {
        Number number;
        std::memcpy(&number, at_, sizeof number);
        at_ += sizeof number;
        return number;
    }

    std::string_view bytes() {
        const auto size = static_cast<std::size_t>(varint());
        const std::string_view view(at_, size);
        at_ += size;
        return view;
    }

    /// Steps over the value after `tag`.
    void skip(std::uint64_t tag) {
        int groups_open = 0;  // Only unknown fields of other people's messages are groups.
        do {
            if (groups_open > 0) tag = varint();
            switch (tag & 7) {
                case 0: varint(); break;
                case 1: at_ += 8; break;
                case 2: bytes(); break;
                case 3: ++groups_open; break;
                case 4: --groups_open; break;
                default: at_ += 4;
            }
        } while (groups_open > 0);
    }

private:
    const char* at_;
    const char* end_;
};

}  // namespace tepui::wire
