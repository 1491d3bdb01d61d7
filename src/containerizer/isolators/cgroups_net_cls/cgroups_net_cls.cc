#include "containerizer/isolators/cgroups_net_cls/cgroups_net_cls.h"

#include <charconv>
#include <map>
#include <mutex>

#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/cgroups_net_cls/handles.h"
#include "containerizer/isolators/controller_isolator.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_file = "/net_cls.classid";

class CgroupsNetCls final : public ControllerIsolator {
public:
    explicit CgroupsNetCls(const IsolatorContext& context)
        : ControllerIsolator(context, "cgroups/net_cls", "net_cls") {
        if (const auto primary = context.options.cgroup.net_cls_primary_handle)
            handles_.emplace(*primary, context.options.cgroup.net_cls_secondary_handles);
    }

    Result<void> enter_cgroups(const Isolated& isolated, const LaunchSpec&) override {
        const std::string directory = this->directory(isolated);
        if (directory.empty() || !handles_) return {};
        std::uint32_t handle = 0;
        {
            const std::lock_guard lock(mutex_);
            handle = TEPUI_TRY(handles_->take());
            of_.insert_or_assign(isolated.name, handle);
        }
        return cgroups::write_file(directory + k_file, fmt::to_string(handle));
    }

    void recover(const Isolated& isolated) override {
        const std::string directory = this->directory(isolated);
        if (directory.empty()) return;
        const std::string text = cgroups::read_file(directory + k_file);
        std::uint32_t handle = 0;
        std::from_chars(text.data(), text.data() + text.size(), handle);
        if (handle == 0) return;
        const std::lock_guard lock(mutex_);
        // Told as it is even when the flag names another primary number now.
        of_.insert_or_assign(isolated.name, handle);
        if (handles_) handles_->take(handle);
    }

    void status(const Isolated& isolated, mesos::v1::ContainerStatus& status) override {
        const std::lock_guard lock(mutex_);
        const auto found = of_.find(isolated.name);
        if (found != of_.end())
            status.mutable_cgroup_info()->mutable_net_cls()->set_classid(found->second);
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        const auto node = of_.extract(isolated.name);
        if (!node.empty() && handles_) handles_->give_back(node.mapped());
        return {};
    }

private:
    std::mutex mutex_;
    std::optional<NetClsHandles> handles_;     // Absent: no primary number was given.
    std::map<std::string, std::uint32_t> of_;  // By name of the container.
};

}  // namespace

std::unique_ptr<Isolator> make_cgroups_net_cls(const IsolatorContext& context) {
    return std::make_unique<CgroupsNetCls>(context);
}

}  // namespace tepui::containerizer
