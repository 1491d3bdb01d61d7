// The two texts of JSON that need care: strings and doubles. Declared in json_writer.h.

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "wire/json_writer.h"

namespace tepui::wire {
namespace {

constexpr std::uint32_t replacement = 0xfffd;

constexpr std::uint64_t repeat(std::uint8_t byte) { return 0x0101010101010101ull * byte; }

/// Whether one of eight bytes is a control character, a quote, a backslash or not ASCII. The
/// borrow of a subtraction may also flag a clean byte beside a real hit; that does no harm here.
bool needs_escape(std::uint64_t eight) {
    const std::uint64_t high = repeat(0x80);
    const std::uint64_t control = eight - repeat(0x20);
    const std::uint64_t quote = (eight ^ repeat('"')) - repeat(0x01);
    const std::uint64_t backslash = (eight ^ repeat('\\')) - repeat(0x01);
    return ((control | quote | backslash | eight) & high) != 0;
}

bool needs_escape(char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte < 0x20 || byte >= 0x80 || c == '"' || c == '\\';
}

/// How many characters from `from` on can be copied as they are.
std::size_t plain_length(std::string_view text, std::size_t from) {
    std::size_t i = from;
    for (; i + 8 <= text.size(); i += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, text.data() + i, sizeof eight);
        if (needs_escape(eight)) break;
    }
    while (i < text.size() && !needs_escape(text[i])) ++i;
    return i - from;
}

struct CodePoint {
    std::uint32_t value;
    std::size_t length;  // Bytes it takes in the text.
};

/// Reads the UTF-8 sequence at `at`; one bad byte counts as one U+FFFD. Overlong forms, surrogates
/// and values beyond U+10FFFF are bad.
CodePoint read_utf8(std::string_view text, std::size_t at) {
    const auto first = static_cast<std::uint8_t>(text[at]);
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const CodePoint bad{replacement, 1};
    if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return bad;
    std::uint32_t value = first & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<std::uint8_t>(text[at + i]);
        if ((next & 0xc0) != 0x80) return bad;
        value = value << 6 | (next & 0x3f);
    }
    constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (value < smallest[length] || value > 0x10ffff) return bad;
    if (value >= 0xd800 && value <= 0xdfff) return bad;
    return {value, length};
}

void append_escape(std::string& out, std::uint32_t utf16) {
    constexpr std::string_view digits = "0123456789abcdef";
    const char text[] = {'\\',
                         'u',
                         digits[utf16 >> 12 & 15],
                         digits[utf16 >> 8 & 15],
                         digits[utf16 >> 4 & 15],
                         digits[utf16 & 15]};
    out.append(text, sizeof text);
}

/// Escapes the character at `at`; returns the bytes it took.
std::size_t append_escaped(std::string& out, std::string_view text, std::size_t at) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte >= 0x80) {
        const CodePoint point = read_utf8(text, at);
        if (point.value < 0x10000) {
            append_escape(out, point.value);
        } else {
            append_escape(out, 0xd800 + ((point.value - 0x10000) >> 10));
            append_escape(out, 0xdc00 + ((point.value - 0x10000) & 0x3ff));
        }
        return point.length;
    }
    switch (text[at]) {
        case '"': out.append("\\\""); break;
        case '\\': out.append("\\\\"); break;
        case '\b': out.append("\\b"); break;
        case '\f': out.append("\\f"); break;
        case '\n': out.append("\\n"); break;
        case '\r': out.append("\\r"); break;
        case '\t': out.append("\\t"); break;
        default: append_escape(out, byte);
    }
    return 1;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t plain = plain_length(text, at);
        out.append(text.data() + at, plain);
        at += plain;
        if (at < text.size()) at += append_escaped(out, text, at);
    }
    out.push_back('"');
}

void append_json_double(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out.append(std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char text[40];
    const double magnitude = std::fabs(number);
    if (magnitude < 1e15 && number == std::trunc(number) &&
        !(number == 0 && std::signbit(number))) {
        // Most numbers on the wire are whole; the integer routine is several times faster.
        const auto end = std::to_chars(text, std::end(text), static_cast<std::int64_t>(number)).ptr;
        out.append(text, end);
        out.append(".0");
        return;
    }
    // Plain notation where people expect it, exponents beyond.
    const bool plain = number == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
    const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
    const auto end = std::to_chars(text, std::end(text), number, format).ptr;
    out.append(text, end);
    if (plain && std::memchr(text, '.', static_cast<std::size_t>(end - text)) == nullptr)
        out.append(".0");
}

}  // namespace tepui::wire
