#include "agent/volume_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agent/core/volumes.h"
#include "base/prng.h"
#include "containerizer/beneath.h"
#include "containerizer/descriptor.h"

namespace tepui::agent {
namespace {

namespace fs = std::filesystem;
namespace v1 = mesos::v1;
using containerizer::Descriptor;
using containerizer::errno_text;
using Source = v1::Resource::DiskInfo::Source;

constexpr double megabyte = 1024.0 * 1024.0;

bool is_mount(const v1::Resource& volume) {
    return volume.disk().has_source() && volume.disk().source().type() == Source::MOUNT;
}

/// TOP/volumes/roles/ROLE/ID in its parts.
struct Place {
    std::string top;
    std::string role;
    std::string id;
};
Place place_of(const std::string& path) {
    const fs::path whole(path);
    const fs::path role = whole.parent_path();
    return {role.parent_path().parent_path().parent_path().string(), role.filename().string(),
            whole.filename().string()};
}

Result<Descriptor> open_disk(const std::string& path) {
    Descriptor disk(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!disk) {
        return fail(errno == ENOENT ? Errc::not_found : Errc::io,
                    "the disk at '{}' cannot be used: {}", path, errno_text());
    }
    return disk;
}

Result<bool> is_empty(const std::string& path) {
    std::error_code error;
    const bool empty = fs::is_empty(path, error);
    if (error) return fail(Errc::io, "'{}': {}", path, error.message());
    return empty;
}

/// Deletes what is in a directory, by descriptor. Links are deleted, not followed.
Result<void> empty_directory(const Descriptor& directory, const std::string& path) {
    const std::string here = fmt::format("/proc/self/fd/{}", directory.get());
    std::error_code error;
    std::vector<fs::path> entries;
    for (fs::directory_iterator it(here, error), end; !error && it != end; it.increment(error)) {
        entries.push_back(it->path());
    }
    for (const fs::path& entry : entries) {
        if (!error) fs::remove_all(entry, error);
    }
    if (error) return fail(Errc::io, "deleting what is in '{}': {}", path, error.message());
    return {};
}

/// Of one volume of one operation; a file name. FNV-1a keeps it the same in every version.
std::string mark_name(const std::string& operation, const std::string& path) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return fmt::format("{}-{:016x}", uuid_to_text(operation), hash);
}

std::string marks_of(const std::string& work_dir) { return work_dir + "/volumes/removed"; }

Result<void> write_mark(const std::string& work_dir, const std::string& name) {
    const Descriptor marks =
        TEPUI_TRY(containerizer::make_trusted_directory(marks_of(work_dir), 0700));
    const Descriptor mark(
        ::openat(marks.get(), name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!mark || ::fsync(mark.get()) != 0 || ::fsync(marks.get()) != 0)
        return fail(Errc::io, "'{}/{}': {}", marks_of(work_dir), name, errno_text());
    return {};
}

/// What was there is out of sight at once.
Result<void> move_away(const std::string& path, const std::string& name) {
    const Place place = place_of(path);
    const Descriptor disk = TEPUI_TRY(open_disk(place.top));
    const Descriptor trash =
        TEPUI_TRY(containerizer::make_directories_beneath(disk.get(), {"volumes", "trash"}, 0700));
    const auto role = containerizer::open_beneath(disk.get(), "volumes/roles/" + place.role,
                                                  O_RDONLY | O_DIRECTORY);
    if (!role) {
        if (role.error().code == Errc::not_found) return {};
        return std::unexpected(role.error());
    }
    if (::renameat(role->get(), place.id.c_str(), trash.get(), name.c_str()) != 0 &&
        errno != ENOENT)
        return fail(Errc::io, "moving '{}' away: {}", path, errno_text());
    (void)!::fsync(role->get());
    return {};
}

}  // namespace

Result<void> make_volume(const std::string& work_dir, const v1::Resource& volume, bool fresh) {
    const std::string path = volume_path(work_dir, volume);
    if (is_mount(volume)) {
        const auto root = open_disk(path);
        if (!root) return std::unexpected(root.error());
        return {};
    }
    const Place place = place_of(path);
    const Descriptor disk = TEPUI_TRY(open_disk(place.top));
    struct stat stat{};
    const bool existed = ::lstat(path.c_str(), &stat) == 0;
    if (existed && fresh && !TEPUI_TRY(is_empty(path))) {
        return fail(Errc::conflict,
                    "'{}' has files of a volume that this agent does not know: move them away",
                    path);
    }
    const Descriptor made = TEPUI_TRY(containerizer::make_directories_beneath(
        disk.get(), {"volumes", "roles", place.role, place.id}, 0755));
    if (existed) return {};
    if (::fchmod(made.get(), volume.has_shared() ? 0755 : 0750) != 0)
        return fail(Errc::io, "'{}': {}", path, errno_text());
    return {};
}

containerizer::PersistentVolumes to_volumes(const ResourceList& resources,
                                            const std::string& work_dir) {
    containerizer::PersistentVolumes volumes;
    for (const v1::Resource& resource : resources) {
        if (!is_volume(resource) || !resource.disk().has_volume()) continue;
        containerizer::PersistentVolume volume;
        volume.source = volume_path(work_dir, resource);
        volume.container_path = resource.disk().volume().container_path();
        volume.read_only = resource.disk().volume().mode() == v1::Volume::RO;
        volume.bytes =
            static_cast<std::uint64_t>(std::clamp(resource.scalar().value(), 0.0, 1e12) * megabyte);
        volume.disk = resource.disk().SerializeAsString();
        if (std::ranges::find(volumes, volume) == volumes.end()) volumes.push_back(volume);
    }
    return volumes;
}

VolumeKeeper::VolumeKeeper(std::string work_dir, env::WorkerPool& aside,
                           std::function<void(const std::string&)> warn)
    : work_dir_(std::move(work_dir)), aside_(aside), warn_(std::move(warn)) {}

void VolumeKeeper::make(const MakeVolume& order, Done done) {
    thread_.post([this, order, done = std::move(done)] {
        const auto made = make_volume(work_dir_, order.volume, order.fresh);
        done(made ? std::nullopt : std::optional(made.error()));
    });
}

void VolumeKeeper::remove(const RemoveVolume& order, Done done) {
    thread_.post([this, order, done = std::move(done)] {
        const auto removed = remove_now(order);
        done(removed ? std::nullopt : std::optional(removed.error()));
    });
}

Result<void> VolumeKeeper::remove_now(const RemoveVolume& order) {
    const std::string path = volume_path(work_dir_, order.volume);
    const std::string name = mark_name(order.operation, path);
    if (::access((marks_of(work_dir_) + "/" + name).c_str(), F_OK) == 0) return {};
    if (is_mount(order.volume)) {
        const Descriptor root = TEPUI_TRY(open_disk(path));
        TEPUI_CHECK_OK(empty_directory(root, path));
    } else {
        TEPUI_CHECK_OK(move_away(path, name));
        purge(place_of(path).top);
    }
    return write_mark(work_dir_, name);
}

void VolumeKeeper::purge(const std::string& top) {
    aside_.post([top, warn = warn_] {
        const std::string path = top + "/volumes/trash";
        const Descriptor trash(
            ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!trash) return;
        if (const auto emptied = empty_directory(trash, path); !emptied) warn(emptied.error().text);
    });
}

void VolumeKeeper::tidy(const std::set<std::string>& operations) {
    std::set<std::string> wanted;
    for (const std::string& operation : operations) wanted.insert(uuid_to_text(operation));
    thread_.post([this, wanted = std::move(wanted)] {
        std::error_code error;
        std::vector<fs::path> stale;
        for (fs::directory_iterator it(marks_of(work_dir_), error), end; !error && it != end;
             it.increment(error)) {
            const std::string name = it->path().filename().string();
            if (!wanted.contains(name.substr(0, name.rfind('-')))) stale.push_back(it->path());
        }
        for (const fs::path& path : stale) fs::remove(path, error);
        purge(work_dir_);
    });
}

void VolumeKeeper::after(std::function<void()> work) { thread_.post(std::move(work)); }

}  // namespace tepui::agent
