#include "containerizer/isolators/posix_usage/process_tree.h"

#include <charconv>
#include <set>
#include <vector>

namespace tepui::containerizer {
namespace {

// Places of the words after the program's name, which is the second. Source: proc(5).
constexpr std::size_t k_parent = 1;
constexpr std::size_t k_user = 11;
constexpr std::size_t k_system = 12;
constexpr std::size_t k_user_of_children = 13;
constexpr std::size_t k_system_of_children = 14;
constexpr std::size_t k_threads = 17;
constexpr std::size_t k_resident = 21;

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    std::vector<std::int64_t> words;
    std::string_view rest = text.substr(name_end + 1);
    while (!rest.empty() && words.size() <= k_resident) {
        const std::size_t begin = rest.find_first_not_of(" \n");
        if (begin == std::string_view::npos) break;
        rest.remove_prefix(begin);
        const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
        rest.remove_prefix(word.size());
        std::int64_t number = 0;  // The first word is the state's letter.
        std::from_chars(word.data(), word.data() + word.size(), number);
        words.push_back(number);
    }
    if (words.size() <= k_resident) return std::nullopt;
    const auto at = [&](std::size_t place) { return static_cast<std::uint64_t>(words[place]); };
    return ProcessStat{.parent = words[k_parent],
                       .user_ticks = at(k_user) + at(k_user_of_children),
                       .system_ticks = at(k_system) + at(k_system_of_children),
                       .threads = static_cast<std::uint32_t>(at(k_threads)),
                       .resident_pages = at(k_resident)};
}

TreeUsage usage_of_tree(const std::map<std::int64_t, ProcessStat>& processes, std::int64_t root) {
    std::multimap<std::int64_t, std::int64_t> children;
    for (const auto& [pid, process] : processes) children.emplace(process.parent, pid);
    TreeUsage usage;
    std::set<std::int64_t> seen;  // Pids may be reused while /proc is read: no circle is followed.
    std::vector<std::int64_t> waiting{root};
    while (!waiting.empty()) {
        const std::int64_t pid = waiting.back();
        waiting.pop_back();
        const auto found = processes.find(pid);
        if (found == processes.end() || !seen.insert(pid).second) continue;
        const ProcessStat& process = found->second;
        usage.user_ticks += process.user_ticks;
        usage.system_ticks += process.system_ticks;
        usage.threads += process.threads;
        usage.resident_pages += process.resident_pages;
        ++usage.processes;
        const auto [first, last] = children.equal_range(pid);
        for (auto it = first; it != last; ++it) waiting.push_back(it->second);
    }
    return usage;
}

}  // namespace tepui::containerizer
