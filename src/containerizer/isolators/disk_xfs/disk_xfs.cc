#include "containerizer/isolators/disk_xfs/disk_xfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/disk/periodic.h"
#include "containerizer/disk/quota.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_project_file = "/xfs-project";

/// "[5000-10000]", several with commas between them; in ascending order.
Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> parse_projects(std::string_view text) {
    const auto wrong = [&] {
        return fail(Errc::invalid_argument,
                    "--xfs_project_range: '{}' is no range like [5000-10000]", text);
    };
    if (!text.starts_with('[') || !text.ends_with(']')) return wrong();
    std::string_view rest = text.substr(1, text.size() - 2);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    while (!rest.empty()) {
        std::uint32_t low = 0;
        std::uint32_t high = 0;
        auto read = std::from_chars(rest.data(), rest.data() + rest.size(), low);
        if (read.ec != std::errc{} || read.ptr == rest.data() + rest.size() || *read.ptr != '-')
            return wrong();
        read = std::from_chars(read.ptr + 1, rest.data() + rest.size(), high);
        if (read.ec != std::errc{} || low == 0 || high < low) return wrong();
        ranges.emplace_back(low, high);
        rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
        if (rest.starts_with(','))
            rest.remove_prefix(1);
        else if (!rest.empty())
            return wrong();
    }
    if (ranges.empty()) return wrong();
    return ranges;
}

class DiskXfs final : public Isolator {
public:
    DiskXfs(const IsolatorContext& context, OpenQuotas open)
        : options_(context.options.disk),
          work_dir_(context.options.work_dir),
          open_(std::move(open)),
          on_limit_(context.on_limit) {}

    std::string_view name() const override { return "disk/xfs"; }

    Result<void> prepare_machine() override {
        ranges_ = TEPUI_TRY(parse_projects(options_.xfs_project_range));
        quotas_ = TEPUI_TRY(open_(work_dir_));
        if (options_.xfs_kill_containers)
            periodic_.emplace(options_.watch_interval, [this] { look_at_all(); });
        return {};
    }

    /// A pod's tasks are in its sandbox, and each has a project of its own.
    bool concerns(const LaunchSpec& spec) const override { return !spec.hold; }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan&) override {
        const auto quota = disk_quota_bytes(spec);
        TEPUI_CHECK_OK(store_quota(isolated, quota));
        const std::uint32_t project = TEPUI_TRY(take_project(isolated, quota));
        TEPUI_CHECK_OK(store_project(isolated, project));
        const std::uint64_t soft = quota.value_or(0);
        const std::uint64_t headroom =
            options_.xfs_kill_containers && quota ? options_.xfs_quota_headroom_bytes : 0;
        TEPUI_CHECK_OK(quotas_->limit(project, soft, soft + headroom));
        return quotas_->assign(isolated.sandbox, project);
    }

    void recover(const Isolated& isolated) override {
        const auto project = stored_project(isolated);
        if (!project) return;
        const std::lock_guard lock(mutex_);
        watched_[isolated.name] = {isolated.container, *project, stored_quota(isolated)};
    }

    void usage(const Isolated& isolated, mesos::v1::ResourceStatistics& statistics) override {
        const auto watched = find(isolated.name);
        if (!watched) return;
        if (watched->quota) statistics.set_disk_limit_bytes(*watched->quota);
        if (const auto used = quotas_->usage(watched->project); used)
            statistics.set_disk_used_bytes(used->bytes);
    }

    /// The files stay the project's until the sandbox is removed; only then has it none and may be
    /// another's.
    Result<void> cleanup(const Isolated& isolated) override {
        const auto project = stored_project(isolated);
        Result<void> done;
        if (project) done = quotas_->limit(*project, 0, 0);
        const std::lock_guard lock(mutex_);
        watched_.erase(isolated.name);
        return done;
    }

private:
    struct Watched {
        ContainerId container;
        std::uint32_t project = 0;
        std::optional<std::uint64_t> quota;
    };

    Result<std::uint32_t> take_project(const Isolated& isolated,
                                       const std::optional<std::uint64_t>& quota) {
        const std::lock_guard lock(mutex_);
        std::set<std::uint32_t> taken;
        for (const auto& [name, watched] : watched_) taken.insert(watched.project);
        for (const auto& [low, high] : ranges_) {
            for (std::uint64_t id = low; id <= high; ++id) {
                const auto project = static_cast<std::uint32_t>(id);
                if (taken.contains(project)) continue;
                if (TEPUI_TRY(quotas_->usage(project)).files > 0) continue;
                watched_[isolated.name] = {isolated.container, project, quota};
                return project;
            }
        }
        return fail(Errc::unavailable,
                    "every project of --xfs_project_range {} has files: give it more, or remove "
                    "old sandboxes",
                    options_.xfs_project_range);
    }

    static Result<void> store_project(const Isolated& isolated, std::uint32_t project) {
        const std::string path = isolated.runtime_dir + k_project_file;
        const std::string text = fmt::format("{}\n", project);
        const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file ||
            ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
        return {};
    }

    static std::optional<std::uint32_t> stored_project(const Isolated& isolated) {
        const std::string text = cgroups::read_file(isolated.runtime_dir + k_project_file);
        std::uint32_t project = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), project);
        if (read.ec != std::errc{} || project == 0) return std::nullopt;
        return project;
    }

    std::optional<Watched> find(const std::string& name) {
        const std::lock_guard lock(mutex_);
        const auto found = watched_.find(name);
        if (found == watched_.end()) return std::nullopt;
        return found->second;
    }

    void look_at_all() {
        std::map<std::string, Watched> watched;
        {
            const std::lock_guard lock(mutex_);
            watched = watched_;
        }
        for (const auto& [name, one] : watched) {
            const auto used = quotas_->usage(one.project);
            if (used && one.quota && used->bytes > *one.quota)
                on_limit_(one.container, disk_limit_hit(used->bytes, *one.quota));
        }
    }

    const DiskOptions options_;
    const std::string work_dir_;
    const OpenQuotas open_;
    const OnLimit on_limit_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;
    std::unique_ptr<ProjectQuotas> quotas_;
    std::mutex mutex_;
    std::map<std::string, Watched> watched_;  // By name.
    std::optional<Periodic> periodic_;        // Last: it uses the others.
};

}  // namespace

std::unique_ptr<Isolator> make_disk_xfs(const IsolatorContext& context) {
    return make_disk_xfs(context, open_xfs_quotas);
}

std::unique_ptr<Isolator> make_disk_xfs(const IsolatorContext& context, OpenQuotas quotas) {
    return std::make_unique<DiskXfs>(context, std::move(quotas));
}

}  // namespace tepui::containerizer
