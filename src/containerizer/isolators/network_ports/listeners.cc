#include "containerizer/isolators/network_ports/listeners.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace tepui::containerizer {
namespace {

constexpr std::string_view k_listens = "0A";  // TCP_LISTEN in these tables.

std::optional<std::uint64_t> to_number(std::string_view text, int base = 10) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || text.empty() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

void add_listeners(std::string_view text, Listeners& listeners) {
    // "sl local:PORT remote:PORT st tx:rx tr:when retrnsmt uid timeout inode ..."
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::vector<std::string> fields;
        for (std::string word; fields.size() < 10 && words >> word;) fields.push_back(word);
        if (fields.size() < 10 || fields[3] != k_listens) continue;
        const std::size_t colon = fields[1].rfind(':');
        if (colon == std::string::npos) continue;
        const auto port = to_number(std::string_view(fields[1]).substr(colon + 1), 16);
        const auto inode = to_number(fields[9]);
        if (port && inode && *port <= 0xffff && *inode != 0)
            listeners[*inode] = static_cast<std::uint16_t>(*port);
    }
}

Inode socket_inode(std::string_view link) {
    if (!link.starts_with("socket:[") || !link.ends_with(']')) return 0;
    return to_number(link.substr(8, link.size() - 9)).value_or(0);
}

bool contains(const std::vector<NumberRange>& ranges, std::uint32_t number) {
    return std::ranges::any_of(ranges, [number](const NumberRange& range) {
        return range.first <= number && number <= range.second;
    });
}

bool PortRules::watches(std::uint16_t port) const {
    if (agent_range_only && !contains(agent_range, port)) return false;
    return !isolated_range || contains(*isolated_range, port);
}

std::set<std::uint16_t> strange_ports(const Listeners& listeners, const std::vector<Inode>& sockets,
                                      const std::vector<NumberRange>& given,
                                      const PortRules& rules) {
    std::set<std::uint16_t> strange;
    for (const Inode inode : sockets) {
        const auto found = listeners.find(inode);
        if (found == listeners.end()) continue;
        if (rules.watches(found->second) && !contains(given, found->second))
            strange.insert(found->second);
    }
    return strange;
}

std::string to_text(const std::vector<NumberRange>& ranges) {
    std::string text;
    for (const auto& [first, last] : ranges)
        text += fmt::format("{}{}-{}", text.empty() ? "" : ",", first, last);
    return text;
}

std::vector<NumberRange> parse_ranges(std::string_view text) {
    std::vector<NumberRange> ranges;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        const std::size_t dash = item.find('-');
        const auto first = to_number(item.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : to_number(item.substr(dash + 1));
        if (first && last && *last <= 0xffff)
            ranges.emplace_back(static_cast<std::uint32_t>(*first),
                                static_cast<std::uint32_t>(*last));
    }
    return ranges;
}

}  // namespace tepui::containerizer
