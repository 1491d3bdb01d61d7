#include "cli/cluster/names.h"

#include <cstdint>
#include <filesystem>

#include <fmt/core.h>

namespace tepui::cli {

std::string work_dir_tag(std::string_view absolute_work_dir) {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bit.
    for (const char c : absolute_work_dir) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    hash ^= hash >> 33;  // The last characters reach all bits only now.
    hash *= 0xff51afd7ed558ccd;
    constexpr int dropped_bits = 16;
    return fmt::format("{:012x}", hash >> dropped_bits);
}

std::string agent_cgroups_root(std::string_view absolute_work_dir) {
    return "tepui/" + work_dir_tag(absolute_work_dir);
}

std::string agent_runtime_dir(std::string_view absolute_work_dir, unsigned uid,
                              std::string_view xdg) {
    // A container's socket is "/NAME/s" beneath it, or a little more; NAME has up to 36 bytes.
    constexpr std::size_t short_enough = 55;
    if (absolute_work_dir.size() + 4 <= short_enough)
        return std::string(absolute_work_dir) + "/run";
    const std::string tag = work_dir_tag(absolute_work_dir);
    if (uid == 0) return "/run/tepui/" + tag;
    if (!xdg.empty()) return fmt::format("{}/tepui/{}", xdg, tag);
    return fmt::format("/tmp/tepui-{}/{}", uid, tag);
}

std::string absolute_path(std::string_view path) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(std::filesystem::path(path), error);
    if (error) return std::string(path);
    auto clean = std::filesystem::weakly_canonical(absolute, error);
    if (error) clean = absolute.lexically_normal();
    std::string text = clean.string();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    return text;
}

}  // namespace tepui::cli
