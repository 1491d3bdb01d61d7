#include "base/bytes.h"

#include <array>
#include <charconv>
#include <limits>

namespace tepui {
namespace {

struct Unit {
    std::string_view name;
    unsigned shift;
};
constexpr std::array<Unit, 5> units{{{"TB", 40}, {"GB", 30}, {"MB", 20}, {"KB", 10}, {"B", 0}}};

}  // namespace

Result<Bytes> parse_bytes(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit_name = text.substr(static_cast<std::size_t>(end - text.data()));
    if (error == std::errc{}) {
        for (const Unit& unit : units) {
            if (unit.name != unit_name) continue;
            if (number > (std::numeric_limits<std::uint64_t>::max() >> unit.shift)) break;
            return Bytes{number << unit.shift};
        }
    }
    return fail(Errc::invalid_argument,
                "'{}' is not a size; write a whole number and B, KB, MB, GB or TB, as in 64MB",
                text);
}

std::string format_bytes(Bytes bytes) {
    for (const Unit& unit : units) {
        const std::uint64_t one = std::uint64_t{1} << unit.shift;
        if (bytes.count >= one && bytes.count % one == 0) {
            return fmt::format("{}{}", bytes.count >> unit.shift, unit.name);
        }
    }
    return "0B";
}

}  // namespace tepui
