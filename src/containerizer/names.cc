#include "containerizer/names.h"

#include <algorithm>
#include <cstdint>

namespace tepui::containerizer {
namespace {

/// FNV-1a; the prime and the offset are the algorithm's.
std::uint64_t hash(const std::string& text, std::uint64_t state) {
    for (const char byte : text) {
        state ^= static_cast<std::uint8_t>(byte);
        state *= 0x100000001b3;
    }
    return state;
}

}  // namespace

std::string short_name(const ContainerId& container) {
    const std::string& id = container.value;
    const bool harmless =
        !id.empty() && id.size() <= k_short_name_max && std::ranges::all_of(id, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_';
        });
    if (harmless) return id;
    // '=' keeps hashed names apart from harmless ids.
    return fmt::format("={:016x}{:016x}", hash(id, 0xcbf29ce484222325),
                       hash(id, 0x84222325cbf29ce4));
}

}  // namespace tepui::containerizer
