#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "containerizer/isolators/gpu_nvidia/gpu_nvidia.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;

/// A machine with GPUs 0 and 1, and a folder for a runtime directory.
class GpuTest : public ::testing::Test {
protected:
    void SetUp() override {
        root_ = "/tmp/tepui-gpu-" + std::to_string(::getpid());
        put("/proc/devices", "Character devices:\n  1 mem\n195 nvidia-frontend\n508 nvidia-uvm\n");
        put("/proc/driver/nvidia/gpus/0000:01:00.0/information",
            "Model: \t\t Tesla\nDevice Minor: \t 1\n");
        put("/proc/driver/nvidia/gpus/0000:00:04.0/information",
            "Model: \t\t Tesla\nDevice Minor: \t 0\n");
        put("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "");
        put("/usr/lib/x86_64-linux-gnu/libc.so.6", "");
        put("/usr/lib64/libcuda.so.1", "");
        put("/usr/bin/nvidia-smi", "");
        fs::create_directories(root_ + "/run/a");
        fs::create_directories(root_ + "/run/b");
    }
    void TearDown() override { fs::remove_all(root_); }

    void put(const std::string& path, const std::string& text) {
        fs::create_directories(fs::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    std::unique_ptr<Isolator> start() {
        auto isolator = make_gpu_nvidia({options_, groups_, nullptr},
                                        std::make_unique<DriverDiscovery>(root_), root_);
        const auto prepared = isolator->prepare_machine();
        EXPECT_TRUE(prepared) << prepared.error().text;
        return isolator;
    }
    Isolated container(const std::string& name) const {
        return {ContainerId(name), name, root_ + "/run/" + name, "", name, ""};
    }
    static LaunchSpec asking(double gpus) {
        LaunchSpec spec;
        mesos::v1::Resource& resource = *spec.resources.Add();
        resource.set_name("gpus");
        resource.mutable_scalar()->set_value(gpus);
        return spec;
    }

    std::string root_;
    Options options_;
    cgroups::Groups groups_{{}, "none", {}};
};

TEST_F(GpuTest, FindsWhatTheDriverTells) {
    const auto found = DriverDiscovery(root_).find();
    ASSERT_TRUE(found) << found.error().text;
    ASSERT_EQ(found->gpus.size(), 2u);
    EXPECT_EQ(found->gpus[0].device.path, "/dev/nvidia0");
    EXPECT_EQ(found->gpus[1].device.minor, 1u);
    EXPECT_EQ(found->gpus[1].device.major, 195u);
    ASSERT_EQ(found->controls.size(), 3u);
    EXPECT_EQ(found->controls[0].minor, 255u);
    EXPECT_EQ(found->controls[1].major, 508u);
    EXPECT_TRUE(DriverDiscovery(root_ + "/run").find()->gpus.empty()) << "a machine without any";
    EXPECT_EQ(only(*found, {{1}})->gpus.size(), 1u);
    EXPECT_EQ(only(*found, {{7}}).error().code, Errc::invalid_argument);
}

TEST_F(GpuTest, ContainersHaveGpusOfTheirOwn) {
    auto isolator = start();
    LaunchPlan first;
    ASSERT_TRUE(isolator->prepare(container("a"), asking(1), first));
    ASSERT_EQ(first.devices.size(), 4u) << "the GPU and three for all";
    EXPECT_EQ(first.devices[0].path, "/dev/nvidia0");
    EXPECT_TRUE(first.mounts.empty()) << "it has the host's files";
    LaunchPlan second;
    const auto many = isolator->prepare(container("b"), asking(2), second);
    ASSERT_FALSE(many);
    EXPECT_EQ(many.error().code, Errc::unavailable);
    EXPECT_FALSE(isolator->prepare(container("b"), asking(0.5), second));
    ASSERT_TRUE(isolator->prepare(container("b"), asking(1), second));
    EXPECT_EQ(second.devices[0].path, "/dev/nvidia1");
    LaunchPlan none;
    ASSERT_TRUE(isolator->prepare(container("c"), asking(0), none));
    EXPECT_TRUE(none.devices.empty());
    ASSERT_TRUE(isolator->cleanup(container("a")));
    LaunchPlan third;
    ASSERT_TRUE(isolator->prepare(container("a"), asking(1), third));
    EXPECT_EQ(third.devices[0].path, "/dev/nvidia0");
}

TEST_F(GpuTest, ALaterAgentKnowsWhoHasThem) {
    {
        auto isolator = start();
        LaunchPlan plan;
        ASSERT_TRUE(isolator->prepare(container("a"), asking(1), plan));
    }
    auto isolator = start();
    isolator->recover(container("a"));
    LaunchPlan plan;
    EXPECT_FALSE(isolator->prepare(container("b"), asking(2), plan));
    ASSERT_TRUE(isolator->prepare(container("b"), asking(1), plan));
    EXPECT_EQ(plan.devices[0].path, "/dev/nvidia1");
}

TEST_F(GpuTest, ImagesGetTheDriver) {
    auto isolator = start();
    LaunchPlan plan;
    plan.root = RootPlan{"/rootfs", "", false};
    ASSERT_TRUE(isolator->prepare(container("a"), asking(1), plan));
    ASSERT_EQ(plan.mounts.size(), 2u) << "each library once, and no other";
    EXPECT_EQ(plan.mounts[0].source, root_ + "/usr/lib/x86_64-linux-gnu/libcuda.so.1");
    EXPECT_EQ(plan.mounts[0].target, "/usr/local/nvidia/lib64/libcuda.so.1");
    EXPECT_EQ(plan.mounts[1].target, "/usr/local/nvidia/bin/nvidia-smi");
}

}  // namespace
}  // namespace tepui::containerizer
