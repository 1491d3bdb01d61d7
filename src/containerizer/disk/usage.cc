#include "containerizer/disk/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <set>

#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

constexpr std::size_t k_levels_max = 512;
constexpr std::uint64_t k_block_bytes = 512;  // Of stat.st_blocks, whatever the file system.

class Walker {
public:
    Walker(const DiskWalk& walk, dev_t device) : walk_(walk), device_(device) {}

    void add(const struct stat& stat) {
        // Of a file with several names the first one counts.
        if (!S_ISDIR(stat.st_mode) && stat.st_nlink > 1 && !linked_.insert(stat.st_ino).second)
            return;
        usage_.bytes += static_cast<std::uint64_t>(stat.st_blocks) * k_block_bytes;
    }

    /// False: it has to end here.
    bool walk(int directory, std::size_t level) {
        DIR* const opened = ::fdopendir(directory);  // Closes it.
        if (opened == nullptr) {
            ::close(directory);
            return true;
        }
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(opened, ::closedir);
        while (const dirent* entry = ::readdir(stream.get())) {
            const std::string_view name = entry->d_name;
            if (name == "." || name == "..") continue;
            if (++entries_ > walk_.entries_max) {
                usage_.complete = false;
                return false;
            }
            if (walk_.cancelled != nullptr && *walk_.cancelled) return false;
            if (!visit(::dirfd(stream.get()), entry->d_name, level)) return false;
        }
        return true;
    }

    const DiskUsage& usage() const { return usage_; }

private:
    bool visit(int parent, const char* name, std::size_t level) {
        struct stat stat{};
        if (::fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) != 0) return true;
        if (stat.st_dev != device_) return true;
        add(stat);
        if (!S_ISDIR(stat.st_mode) || level == k_levels_max) return true;
        const int directory =
            ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return directory < 0 || walk(directory, level + 1);
    }

    const DiskWalk& walk_;
    const dev_t device_;
    std::set<ino_t> linked_;
    std::uint64_t entries_ = 0;
    DiskUsage usage_;
};

}  // namespace

Result<DiskUsage> measure_tree(const std::string& top, const DiskWalk& walk) {
    const int directory = ::open(top.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat stat{};
    if (directory < 0 || ::fstat(directory, &stat) != 0)
        return fail(errno == ENOENT ? Errc::not_found : Errc::io, "'{}': {}", top, errno_text());
    Walker walker(walk, stat.st_dev);
    walker.add(stat);
    const bool whole = walker.walk(directory, 0);
    if (!whole && walker.usage().complete)
        return fail(Errc::cancelled, "measuring '{}' was cancelled", top);
    return walker.usage();
}

}  // namespace tepui::containerizer
