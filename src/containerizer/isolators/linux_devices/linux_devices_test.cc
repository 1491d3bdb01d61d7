#include <gtest/gtest.h>

#include "containerizer/isolators/linux_devices/linux_devices.h"

namespace tepui::containerizer {
namespace {

TEST(LinuxDevicesTest, ReadsTheHostsNode) {
    const auto device = plan_device({.path = "/dev/full", .read = true, .write = false});
    ASSERT_TRUE(device) << device.error().text;
    EXPECT_EQ(*device, (DevicePlan{.path = "/dev/full",
                                   .kind = 'c',
                                   .major = 1,
                                   .minor = 7,
                                   .read = true,
                                   .write = false,
                                   .mknod = false}));
}

TEST(LinuxDevicesTest, RefusesWhatIsNoDevice) {
    EXPECT_EQ(plan_device({.path = "/etc/passwd"}).error().text,
              "--allowed_devices: '/etc/passwd' is no device");
    EXPECT_NE(plan_device({.path = "/dev/no-such"}).error().text.find("No such file"),
              std::string::npos);
    EXPECT_FALSE(plan_device({}));
}

TEST(LinuxDevicesTest, AddsEachOnce) {
    Options options;
    options.cgroup.allowed_devices = {{.path = "/dev/full", .read = true}};
    const cgroups::Groups groups({}, "x", {});
    const auto isolator = make_linux_devices({options, groups, {}});
    ASSERT_TRUE(isolator->prepare_machine());
    LaunchSpec spec;
    EXPECT_TRUE(isolator->concerns(spec));
    LaunchPlan plan;
    ASSERT_TRUE(isolator->prepare({}, spec, plan));
    ASSERT_TRUE(isolator->prepare({}, spec, plan));
    EXPECT_EQ(plan.devices.size(), 1u);
    spec.hold = true;
    EXPECT_FALSE(isolator->concerns(spec));
}

}  // namespace
}  // namespace tepui::containerizer
