#include "containerizer/isolators/disk_du/disk_du.h"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include "containerizer/disk/periodic.h"
#include "containerizer/disk/quota.h"
#include "containerizer/disk/usage.h"
#include "containerizer/isolators/persistent_volumes/persistent_volumes.h"

namespace tepui::containerizer {
namespace {

class DiskDu final : public Isolator {
public:
    DiskDu(const DiskOptions& options, OnLimit on_limit)
        : enforce_(options.enforce_quota),
          on_limit_(std::move(on_limit)),
          periodic_(options.watch_interval, [this] { measure_all(); }) {}
    ~DiskDu() override { stopping_ = true; }

    std::string_view name() const override { return "disk/du"; }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan&) override {
        const auto quota = disk_quota_bytes(spec);
        TEPUI_CHECK_OK(store_quota(isolated, quota));
        watch(isolated, quota, spec.volumes);
        return {};
    }

    void recover(const Isolated& isolated) override {
        watch(isolated, stored_quota(isolated), stored_volumes(isolated));
    }

    Result<void> update(const Isolated& isolated, const ContainerResources& resources) override {
        const std::lock_guard lock(mutex_);
        const auto found = watched_.find(isolated.name);
        if (found != watched_.end()) found->second.volumes = resources.volumes;
        return {};
    }

    void usage(const Isolated& isolated, mesos::v1::ResourceStatistics& statistics) override {
        const std::lock_guard lock(mutex_);
        const auto found = watched_.find(isolated.name);
        if (found == watched_.end()) return;
        const Watched& watched = found->second;
        if (watched.quota) statistics.set_disk_limit_bytes(*watched.quota);
        if (watched.used) statistics.set_disk_used_bytes(*watched.used);
        for (const PersistentVolume& volume : watched.volumes) {
            const auto used = watched.volume_used.find(volume.source);
            add_volume_statistics(
                volume,
                used == watched.volume_used.end() ? std::nullopt : std::optional(used->second),
                statistics);
        }
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        watched_.erase(isolated.name);
        return {};
    }

private:
    struct Watched {
        ContainerId container;
        std::string sandbox;
        std::optional<std::uint64_t> quota;
        std::optional<std::uint64_t> used;
        PersistentVolumes volumes;
        std::map<std::string, std::uint64_t> volume_used;  // By source.
    };

    void watch(const Isolated& isolated, std::optional<std::uint64_t> quota,
               PersistentVolumes volumes) {
        const std::lock_guard lock(mutex_);
        watched_[isolated.name] = {isolated.container, isolated.sandbox,   quota,
                                   std::nullopt,       std::move(volumes), {}};
    }

    /// They are on disks, or in directories, of their own: the sandbox's sum has them not.
    void measure_volumes(const std::string& name, const Watched& one) {
        for (const PersistentVolume& volume : one.volumes) {
            if (stopping_) return;
            DiskWalk walk;
            walk.cancelled = &stopping_;
            const auto measured = measure_tree(volume.source, walk);
            if (!measured) continue;
            {
                const std::lock_guard lock(mutex_);
                const auto found = watched_.find(name);
                if (found == watched_.end()) return;
                found->second.volume_used[volume.source] = measured->bytes;
            }
            if (enforce_ && volume.bytes > 0 && measured->bytes > volume.bytes)
                on_limit_(one.container, volume_limit_hit(volume, measured->bytes));
        }
    }

    void measure_all() {
        std::map<std::string, Watched> watched;
        {
            const std::lock_guard lock(mutex_);
            watched = watched_;
        }
        for (const auto& [name, one] : watched) {
            if (stopping_) return;
            measure_volumes(name, one);
            DiskWalk walk;
            walk.cancelled = &stopping_;
            const auto measured = measure_tree(one.sandbox, walk);
            if (!measured) continue;
            {
                const std::lock_guard lock(mutex_);
                const auto found = watched_.find(name);
                if (found == watched_.end()) continue;
                found->second.used = measured->bytes;
            }
            if (enforce_ && one.quota && measured->bytes > *one.quota)
                on_limit_(one.container, disk_limit_hit(measured->bytes, *one.quota));
        }
    }

    const bool enforce_;
    const OnLimit on_limit_;
    std::mutex mutex_;
    std::map<std::string, Watched> watched_;  // By name.
    std::atomic<bool> stopping_ = false;
    Periodic periodic_;  // Last: it uses the others.
};

}  // namespace

std::unique_ptr<Isolator> make_disk_du(const IsolatorContext& context) {
    return std::make_unique<DiskDu>(context.options.disk, context.on_limit);
}

}  // namespace tepui::containerizer
