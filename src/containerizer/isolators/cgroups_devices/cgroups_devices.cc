#include "containerizer/isolators/cgroups_devices/cgroups_devices.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/isolators/cgroups_devices/device_rules.h"
#include "containerizer/isolators/controller_isolator.h"

namespace tepui::containerizer {
namespace {

int call_bpf(int command, bpf_attr& attributes) {
    return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

class CgroupsDevices final : public ControllerIsolator {
public:
    explicit CgroupsDevices(const IsolatorContext& context)
        : ControllerIsolator(context, "cgroups/devices", "devices") {}

    Result<void> prepare_machine() override {
        TEPUI_CHECK_OK(ControllerIsolator::prepare_machine());
        for (const AllowedDevice& device : options().cgroup.allowed_devices)
            allowed_.push_back(TEPUI_TRY(rule_of(device)));
        return {};
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec&, LaunchPlan& plan) override {
        TEPUI_CHECK_OK(allow_in_parent(isolated, plan.devices));
        if (isolated.cgroup.empty()) return {};
        const std::lock_guard lock(mutex_);
        waiting_.insert_or_assign(isolated.name, device_rules(allowed_, plan.devices));
        return {};
    }

    Result<void> enter_cgroups(const Isolated& isolated, const LaunchSpec& spec) override {
        std::vector<DeviceRule> rules;
        {
            const std::lock_guard lock(mutex_);
            auto node = waiting_.extract(isolated.name);
            if (node.empty()) return {};
            rules = std::move(node.mapped());
        }
        const std::string directory = this->directory(isolated);
        if (groups().version() == cgroups::Version::v2) {
            // A pod's program would hold for its tasks', which may have more.
            return spec.hold ? Result<void>{} : attach_device_program(directory, rules);
        }
        TEPUI_CHECK_OK(cgroups::write_file(directory + "/devices.deny", "a"));
        for (const DeviceRule& rule : rules)
            TEPUI_CHECK_OK(cgroups::write_file(directory + "/devices.allow", to_v1(rule)));
        return {};
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        waiting_.erase(isolated.name);  // Of a launch that failed in between.
        return {};
    }

private:
    /// In v1 nobody may have more than the cgroup above: what a pod's task has of its own, the pod
    /// gets, too.
    Result<void> allow_in_parent(const Isolated& isolated, const std::vector<DevicePlan>& devices) {
        if (isolated.parent.empty() || groups().version() == cgroups::Version::v2) return {};
        const std::string parent = isolated.parent.substr(isolated.parent.rfind('/') + 1);
        const std::string directory = groups().directory("devices", parent);
        const std::size_t usual = device_rules({}, {}).size();
        const std::vector<DeviceRule> rules = device_rules({}, devices);
        for (std::size_t i = usual; i < rules.size(); ++i)
            TEPUI_CHECK_OK(cgroups::write_file(directory + "/devices.allow", to_v1(rules[i])));
        return {};
    }

    std::vector<DeviceRule> allowed_;
    std::mutex mutex_;
    std::map<std::string, std::vector<DeviceRule>> waiting_;  // For its cgroup, by name.
};

}  // namespace

Result<void> attach_device_program(const std::string& directory,
                                   const std::vector<DeviceRule>& rules) {
    static_assert(sizeof(BpfInstruction) == sizeof(bpf_insn));
    const std::vector<BpfInstruction> program = to_v2(rules);
    bpf_attr load;
    std::memset(&load, 0, sizeof load);
    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = reinterpret_cast<std::uintptr_t>(program.data());
    load.insn_cnt = static_cast<std::uint32_t>(program.size());
    load.license = reinterpret_cast<std::uintptr_t>("GPL");
    const Descriptor loaded(call_bpf(BPF_PROG_LOAD, load));
    if (!loaded)
        return fail(Errc::unsupported, "the kernel takes no device program for '{}': {}", directory,
                    errno_text());
    const Descriptor cgroup(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup) return fail(Errc::io, "cannot open '{}': {}", directory, errno_text());
    bpf_attr attach;
    std::memset(&attach, 0, sizeof attach);
    attach.target_fd = static_cast<std::uint32_t>(cgroup.get());
    attach.attach_bpf_fd = static_cast<std::uint32_t>(loaded.get());
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;  // Beside those of the cgroups above it.
    if (call_bpf(BPF_PROG_ATTACH, attach) != 0)
        return fail(Errc::unsupported, "cannot give '{}' a device program: {}", directory,
                    errno_text());
    return {};
}

std::unique_ptr<Isolator> make_cgroups_devices(const IsolatorContext& context) {
    return std::make_unique<CgroupsDevices>(context);
}

}  // namespace tepui::containerizer
