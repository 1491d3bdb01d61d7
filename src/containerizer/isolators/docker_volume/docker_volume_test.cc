#include "containerizer/isolators/docker_volume/docker_volume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/temporary_directory_testing.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct FakeMounts {
    std::string mountpoint;
    std::vector<std::string> calls;  // "mount NAME USER", "unmount NAME USER LAST".
    bool fails = false;
};

class FakeDrivers final : public VolumeDrivers {
public:
    explicit FakeDrivers(FakeMounts& fake) : fake_(fake) {}
    Result<std::string> mount(const ExternalVolume& volume,
                              const std::map<std::string, std::string>& options,
                              const std::string& user) override {
        fake_.calls.push_back(
            fmt::format("mount {}/{} {} {}", volume.driver, volume.name, user, options.size()));
        if (fake_.fails) return fail(Errc::io, "the driver is out of order");
        return fake_.mountpoint;
    }
    Result<void> unmount(const ExternalVolume& volume, const std::string& user,
                         bool last) override {
        fake_.calls.push_back(
            fmt::format("unmount {} {}{}", volume.name, user, last ? " last" : ""));
        return {};
    }

private:
    FakeMounts& fake_;
};

class DockerVolumes : public ::testing::Test {
protected:
    DockerVolumes() {
        fake.mountpoint = directory.path() + "/mounted";
        fs::create_directories(fake.mountpoint);
        plan.flags = SHIM_NEW_MOUNT_NS;
        auto& volume = *spec.info.emplace().add_volumes();
        volume.set_mode(mesos::v1::Volume::RW);
        volume.set_container_path("data");
        volume.mutable_source()->set_type(mesos::v1::Volume::Source::DOCKER_VOLUME);
        auto& source = *volume.mutable_source()->mutable_docker_volume();
        source.set_driver("pretend");
        source.set_name("db");
        auto& option = *source.mutable_driver_options()->add_parameter();
        option.set_key("size");
        option.set_value("1g");
    }
    std::unique_ptr<Isolator> make() {
        return make_docker_volume({options, groups, {}}, std::make_unique<FakeDrivers>(fake));
    }
    Isolated container(const std::string& name) {
        for (const char* kind : {"run", "sandbox"})
            fs::create_directories(directory.path() + "/" + name + "/" + kind);
        const std::string base = directory.path() + "/" + name;
        return {ContainerId{name}, name, base + "/run", base + "/sandbox", "", ""};
    }

    TemporaryDirectory directory;
    Options options;
    cgroups::Groups groups{{}, "tepui-docker-volume-test", {}};
    FakeMounts fake;
    LaunchSpec spec;
    LaunchPlan plan;
};

TEST_F(DockerVolumes, ThePlanMountsWhatTheDriverMounted) {
    const auto isolator = make();
    ASSERT_TRUE(isolator->concerns(spec));
    ASSERT_TRUE(isolator->prepare(container("a"), spec, plan));
    ASSERT_EQ(plan.mounts.size(), 1U);
    EXPECT_EQ(plan.mounts[0].source, fake.mountpoint);
    EXPECT_EQ(plan.mounts[0].target, directory.path() + "/a/sandbox/data");
    EXPECT_THAT(fake.calls, ElementsAre("mount pretend/db a 1"));
}

TEST_F(DockerVolumes, UsersAreCountedOverARestart) {
    const Isolated a = container("a");
    const Isolated b = container("b");
    {
        const auto isolator = make();
        ASSERT_TRUE(isolator->prepare(a, spec, plan));
        ASSERT_TRUE(isolator->prepare(b, spec, plan));
    }
    fake.calls.clear();
    const auto isolator = make();
    isolator->recover(a);
    // `b` ended while nobody looked.
    ASSERT_TRUE(isolator->cleanup(b));
    EXPECT_THAT(fake.calls, ElementsAre("unmount db b"));
    ASSERT_TRUE(isolator->cleanup(a));
    EXPECT_EQ(fake.calls.back(), "unmount db a last");
    const auto count = fake.calls.size();
    ASSERT_TRUE(isolator->cleanup(a));
    EXPECT_EQ(fake.calls.size(), count) << "once";
}

TEST_F(DockerVolumes, WhatAFailedLaunchMayHaveMountedIsUnmounted) {
    const Isolated a = container("a");
    fake.fails = true;
    const auto isolator = make();
    const auto failed = isolator->prepare(a, spec, plan);
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().text, HasSubstr("'data'"));
    EXPECT_THAT(failed.error().text, HasSubstr("out of order"));
    ASSERT_TRUE(isolator->cleanup(a));
    EXPECT_EQ(fake.calls.back(), "unmount db a last");
}

TEST_F(DockerVolumes, NamesAreNamesAndNoPaths) {
    auto& source = *spec.info->mutable_volumes(0)->mutable_source()->mutable_docker_volume();
    for (const char* wrong : {"", "a b", "../x", "a\nb", "a/b"}) {
        source.set_name(wrong);
        EXPECT_FALSE(make()->prepare(container("a"), spec, plan)) << wrong;
    }
    EXPECT_THAT(fake.calls, IsEmpty());
}

TEST(VolumeDrivers, WithoutAPluginAndDvdcliThereIsNoVolume) {
    const TemporaryDirectory directory;
    const auto drivers = make_volume_drivers(directory.path());
    EXPECT_FALSE(drivers->mount({"pretend", "db"}, {}, "a"));
    EXPECT_EQ(drivers->mount({"../x", "db"}, {}, "a").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace tepui::containerizer
