#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/images/options.h"

namespace tepui::containerizer::images {

/// What a store has, as far as removing needs it. Images by digest, layers by digest.
struct Inventory {
    std::map<std::string, std::string> names;                // Canonical name -> image.
    std::map<std::string, std::vector<std::string>> images;  // Image -> its layers.
    std::set<std::string> layers;
    std::set<std::string> pinned;  // Images that containers use.
    std::set<std::string> leased;  // Layers of pulls that go on.
};

/// What to remove.
struct PrunePlan {
    std::set<std::string> names;
    std::set<std::string> images;
    std::set<std::string> layers;
    bool operator==(const PrunePlan&) const = default;
};

/// Everything but what is pinned or leased and the images whose canonical names are `excluded`.
PrunePlan plan_prune(const Inventory& inventory, const std::set<std::string>& excluded);

/// Whether a file system with `available` of `total` bytes left needs images to be removed.
bool is_disk_short(std::uint64_t available, std::uint64_t total, double headroom);

/// Reads --image_gc_config: {"image_disk_headroom": 0.1, "image_disk_watch_interval":
/// {"nanoseconds": 3600000000000}, "excluded_images": [{"docker": {"name": "..."}}, ...]}; an
/// interval may be text such as "1hrs", and an excluded image a name alone.
Result<ImageGcOptions> parse_image_gc(std::string_view json);

}  // namespace tepui::containerizer::images
