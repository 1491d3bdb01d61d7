#include "cli/output/yaml.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "base/ascii.h"

namespace tepui::cli {

namespace {

using Kind = JsonValue::Kind;

/// Words that YAML 1.1 or 1.2 readers take for booleans, nulls or numbers.
constexpr std::array<std::string_view, 12> reserved = {
    "Y", "N", "YES", "NO", "ON", "OFF", "TRUE", "FALSE", "NULL", "NAN", "INF", "INFINITY"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_plain(std::string_view text) {
    if (text.empty() || text.ends_with(' ')) return false;
    // Everything that begins with a letter or '/' and has none of YAML's own characters is text.
    if (!is_letter(text[0]) && text[0] != '/' && text[0] != '_') return false;
    const auto safe = [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') ||
               std::string_view("_-./@+ ()=").find(c) != std::string_view::npos;
    };
    if (!std::all_of(text.begin(), text.end(), safe)) return false;
    const std::string upper = upper_case(text);
    return std::find(reserved.begin(), reserved.end(), upper) == reserved.end();
}

/// Length of the UTF-8 character that `first` begins.
std::size_t character_bytes(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xe0) return 2;
    return first < 0xf0 ? 3 : 4;
}

std::uint32_t code_point(std::string_view character) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
    if (character.size() == 1) return byte(0);
    std::uint32_t point = byte(0) & (0xffU >> (character.size() + 1));
    for (std::size_t i = 1; i < character.size(); ++i) point = (point << 6U) | (byte(i) & 0x3fU);
    return point;
}

/// What YAML does not count as printable, and the line ends of Unicode.
bool needs_escape(std::uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           point == 0xfeff || (point >= 0xfffe && point <= 0xffff);
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t size =
            std::min(text.size(), character_bytes(static_cast<unsigned char>(text[0])));
        const std::string_view character = text.substr(0, size);
        text.remove_prefix(size);
        const std::uint32_t point = code_point(character);
        if (point == '"' || point == '\\') {
            out += '\\';
            out += character;
        } else if (point == '\n') {
            out += "\\n";
        } else if (point == '\t') {
            out += "\\t";
        } else if (needs_escape(point)) {
            out += fmt::format("\\u{:04x}", point);
        } else {
            out += character;
        }
    }
    return out + '"';
}

std::string word(std::string_view text) {
    return is_plain(text) ? std::string(text) : quoted(text);
}

/// YAML 1.1 wants a point in the mantissa and a sign in the exponent of a float.
std::string number(std::string text) {
    const std::size_t exponent = text.find_first_of("eE");
    if (exponent == std::string::npos) return text;
    if (const char sign = text[exponent + 1]; sign != '+' && sign != '-') {
        text.insert(exponent + 1, "+");
    }
    if (text.find('.') == std::string::npos) text.insert(exponent, ".0");
    return text;
}

bool is_block(const JsonValue& value) { return !value.items.empty(); }

std::string inline_text(const JsonValue& value) {
    switch (value.kind) {
        case Kind::null: return "null";
        case Kind::boolean: return value.text;
        case Kind::number: return number(value.text);
        case Kind::string: return word(value.text);
        case Kind::array: return "[]";
        case Kind::object: return "{}";
    }
    return "";
}

/// Writes the lines of a list or map. `first` says that the first line's indent stands already,
/// behind the "- " of the list around it.
void write_block(const JsonValue& value, std::size_t indent, bool first, std::string& out) {
    for (std::size_t i = 0; i < value.items.size(); ++i) {
        const JsonValue& item = value.items[i];
        if (!first || i > 0) out.append(indent, ' ');
        if (value.kind == Kind::array) {
            out += "- ";
            if (is_block(item)) {
                write_block(item, indent + 2, true, out);
                continue;
            }
        } else {
            out += word(value.names[i]) + ':';
            if (is_block(item)) {
                out += '\n';
                // A list may stand as deep as its key.
                write_block(item, item.kind == Kind::array ? indent : indent + 2, false, out);
                continue;
            }
            out += ' ';
        }
        out += inline_text(item) + '\n';
    }
}

}  // namespace

std::string to_yaml(const JsonValue& value) {
    if (!is_block(value)) return inline_text(value) + '\n';
    std::string out;
    write_block(value, 0, false, out);
    return out;
}

}  // namespace tepui::cli
