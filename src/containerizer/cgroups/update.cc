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

/// Memory in use can't be taken back: v1 refuses the write, v2 kills.
bool would_take_back(const std::string& path, const Setting& setting) {
    if (setting.file != "memory.limit_in_bytes" && setting.file != "memory.max") return false;
    std::uint64_t value = 0;
    std::from_chars(setting.value.data(), setting.value.data() + setting.value.size(), value);
    return value <= read_limit(path);
}

}  // namespace

Result<void> Groups::update(const std::string& name, const Limits& limits) const {
    for (const Setting& setting : plan(limits, isolation_, hierarchies_.version)) {
        const std::string path = directory(setting.controller, name) + "/" + setting.file;
        if (would_take_back(path, setting)) continue;
        if (Result<void> wrote = write_file(path, setting.value); !wrote && !setting.optional)
            return wrote;
    }
    return {};
}

}  // namespace tepui::containerizer::cgroups
