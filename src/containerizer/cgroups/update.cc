#include <algorithm>
#include <charconv>

#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/group.h"

namespace tepui::containerizer::cgroups {
namespace {

/// The number in a control file; the highest there is for "max" and for what can't be read.
std::uint64_t read_limit(const std::string& path) {
    const std::string text = read_file(path);
    std::uint64_t value = UINT64_MAX;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_memory_limit(const std::string& file) {
    return file == "memory.limit_in_bytes" || file == "memory.memsw.limit_in_bytes" ||
           file == "memory.max";
}

/// Memory in use can't be taken back: v1 refuses the write, v2 kills.
bool would_take_back(const std::string& path, const Setting& setting) {
    if (!is_memory_limit(setting.file) || setting.value == "-1" || setting.value == "max")
        return false;
    std::uint64_t value = 0;
    std::from_chars(setting.value.data(), setting.value.data() + setting.value.size(), value);
    return value <= read_limit(path);
}

/// The settings in an order for limits that grow: that of memory and swap must never be below that
/// of memory.
std::vector<Setting> grown(std::vector<Setting> settings) {
    const auto both = std::ranges::find(settings, "memory.memsw.limit_in_bytes", &Setting::file);
    if (both != settings.end()) std::rotate(settings.begin(), both, both + 1);
    return settings;
}

}  // namespace

Result<void> Groups::update(const std::string& name, const Limits& limits) const {
    for (const Setting& setting : grown(plan(limits, isolation_, hierarchies_.version))) {
        const std::string path = directory(setting.controller, name) + "/" + setting.file;
        if (would_take_back(path, setting)) continue;
        if (Result<void> wrote = write_file(path, setting.value); !wrote && !setting.optional)
            return wrote;
    }
    return {};
}

}  // namespace tepui::containerizer::cgroups
