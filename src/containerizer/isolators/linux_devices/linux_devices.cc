#include "containerizer/isolators/linux_devices/linux_devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

class LinuxDevices final : public Isolator {
public:
    explicit LinuxDevices(const std::vector<AllowedDevice>& allowed) : allowed_(allowed) {}

    std::string_view name() const override { return "linux/devices"; }

    Result<void> prepare_machine() override {
        for (const AllowedDevice& device : allowed_)
            devices_.push_back(TEPUI_TRY(plan_device(device)));
        return {};
    }

    bool concerns(const LaunchSpec& spec) const override { return !spec.hold && !allowed_.empty(); }

    Result<void> prepare(const Isolated&, const LaunchSpec&, LaunchPlan& plan) override {
        for (const DevicePlan& device : devices_)
            if (std::ranges::find(plan.devices, device.path, &DevicePlan::path) ==
                plan.devices.end())
                plan.devices.push_back(device);
        return {};
    }

private:
    const std::vector<AllowedDevice> allowed_;
    std::vector<DevicePlan> devices_;
};

}  // namespace

Result<DevicePlan> plan_device(const AllowedDevice& device) {
    struct stat node{};
    if (device.path.empty() || ::stat(device.path.c_str(), &node) != 0)
        return fail(Errc::invalid_argument, "--allowed_devices: cannot find '{}': {}", device.path,
                    device.path.empty() ? "a device needs a path" : errno_text());
    if (!S_ISCHR(node.st_mode) && !S_ISBLK(node.st_mode))
        return fail(Errc::invalid_argument, "--allowed_devices: '{}' is no device", device.path);
    return DevicePlan{.path = device.path,
                      .kind = S_ISBLK(node.st_mode) ? 'b' : 'c',
                      .major = major(node.st_rdev),
                      .minor = minor(node.st_rdev),
                      .read = device.read,
                      .write = device.write,
                      .mknod = device.mknod};
}

std::unique_ptr<Isolator> make_linux_devices(const IsolatorContext& context) {
    return std::make_unique<LinuxDevices>(context.options.cgroup.allowed_devices);
}

}  // namespace tepui::containerizer
