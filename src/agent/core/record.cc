#include "agent/core/record.h"

#include <array>
#include <cstdint>

namespace tepui::agent {
namespace {

constexpr std::string_view magic = "TA1";
constexpr std::size_t head_bytes = magic.size() + 4;

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value & 1U) != 0 ? 0xEDB88320U ^ (value >> 1U) : value >> 1U;
        }
        table[i] = value;
    }
    return table;
}

void append_u32(std::string& out, std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<char>((value >> shift) & 0xFFU));
    }
}

std::uint32_t read_u32(std::string_view bytes) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return value;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
    static constexpr auto table = make_table();
    std::uint32_t value = 0xFFFFFFFFU;
    for (const char byte : bytes) {
        value = table[(value ^ static_cast<unsigned char>(byte)) & 0xFFU] ^ (value >> 8U);
    }
    return value ^ 0xFFFFFFFFU;
}

std::string encode_record(const std::vector<std::string>& fields) {
    std::string body;
    for (const std::string& field : fields) {
        append_u32(body, static_cast<std::uint32_t>(field.size()));
        body += field;
    }
    std::string out(magic);
    append_u32(out, crc32(body));
    return out + body;
}

Result<std::vector<std::string>> decode_record(std::string_view bytes, std::size_t fields_min) {
    if (bytes.size() < head_bytes || !bytes.starts_with(magic)) {
        return fail(Errc::corrupt, "{} bytes without the head of a record", bytes.size());
    }
    std::string_view body = bytes.substr(head_bytes);
    if (crc32(body) != read_u32(bytes.substr(magic.size()))) {
        return fail(Errc::corrupt, "the checksum of its {} bytes does not fit", bytes.size());
    }
    std::vector<std::string> fields;
    while (!body.empty()) {
        if (body.size() < 4) return fail(Errc::corrupt, "a field's length is cut off");
        const std::size_t length = read_u32(body);
        body.remove_prefix(4);
        if (body.size() < length) return fail(Errc::corrupt, "a field is cut off");
        fields.emplace_back(body.substr(0, length));
        body.remove_prefix(length);
    }
    if (fields.size() < fields_min) {
        return fail(Errc::corrupt, "{} fields where {} are needed", fields.size(), fields_min);
    }
    return fields;
}

}  // namespace tepui::agent
