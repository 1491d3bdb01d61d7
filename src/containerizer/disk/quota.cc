#include "containerizer/disk/quota.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_quota_file = "/disk-quota";
constexpr double k_megabyte = 1024.0 * 1024.0;

}  // namespace

std::optional<std::uint64_t> disk_quota_bytes(const LaunchSpec& spec) {
    double megabytes = 0;
    for (const mesos::v1::Resource& resource : spec.resources) {
        const bool plain = !resource.disk().has_persistence() && !resource.disk().has_volume();
        if (resource.name() == "disk" && plain) megabytes += resource.scalar().value();
    }
    if (megabytes <= 0 || megabytes > 1e12) return std::nullopt;
    return static_cast<std::uint64_t>(megabytes * k_megabyte);
}

Result<void> store_quota(const Isolated& isolated, const std::optional<std::uint64_t>& bytes) {
    if (!bytes) return {};
    const std::string path = isolated.runtime_dir + k_quota_file;
    const std::string text = fmt::format("{}\n", *bytes);
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

std::optional<std::uint64_t> stored_quota(const Isolated& isolated) {
    const std::string text = cgroups::read_file(isolated.runtime_dir + k_quota_file);
    std::uint64_t bytes = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), bytes);
    if (read.ec != std::errc{} || bytes == 0) return std::nullopt;
    return bytes;
}

LimitHit disk_limit_hit(std::uint64_t used_bytes, std::uint64_t quota_bytes) {
    const auto megabytes = [](std::uint64_t bytes) {
        return static_cast<double>(bytes) / k_megabyte;
    };
    LimitHit hit;
    hit.reason = mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_DISK;
    hit.message = fmt::format("Disk usage ({:.1f}MB) exceeds quota ({:.1f}MB)",
                              megabytes(used_bytes), megabytes(quota_bytes));
    mesos::v1::Resource& disk = *hit.resources.add_resources();
    disk.set_name("disk");
    disk.set_type(mesos::v1::Value::SCALAR);
    disk.mutable_scalar()->set_value(megabytes(quota_bytes));
    return hit;
}

LimitHit volume_limit_hit(const PersistentVolume& volume, std::uint64_t used_bytes) {
    LimitHit hit = disk_limit_hit(used_bytes, volume.bytes);
    mesos::v1::Resource& disk = *hit.resources.mutable_resources(0);
    disk.mutable_disk()->ParseFromString(volume.disk);
    hit.message =
        fmt::format("Persistent volume '{}': {}", disk.disk().persistence().id(), hit.message);
    return hit;
}

void add_volume_statistics(const PersistentVolume& volume, std::optional<std::uint64_t> used_bytes,
                           mesos::v1::ResourceStatistics& statistics) {
    mesos::v1::Resource::DiskInfo info;
    if (!info.ParseFromString(volume.disk)) return;
    mesos::v1::DiskStatistics& one = *statistics.add_disk_statistics();
    if (info.has_source()) *one.mutable_source() = info.source();
    *one.mutable_persistence() = info.persistence();
    if (volume.bytes > 0) one.set_limit_bytes(volume.bytes);
    if (used_bytes) one.set_used_bytes(*used_bytes);
}

}  // namespace tepui::containerizer
