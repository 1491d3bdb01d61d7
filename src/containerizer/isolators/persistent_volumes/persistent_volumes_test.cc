#include "containerizer/isolators/persistent_volumes/persistent_volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "base/temporary_directory_testing.h"
#include "containerizer/isolators/disk_du/disk_du.h"
#include "containerizer/isolators/volume_sandbox_path/volume_sandbox_path.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uid_t k_nobody = 65534;

/// A process in a mount namespace of its own.
class Space {
public:
    Space() {
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const bool good = ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
            (void)!::write(ready[1], good ? "y" : "n", 1);
            for (;;) ::pause();
        }
        char answer = 0;
        EXPECT_EQ(::read(ready[0], &answer, 1), 1);
        EXPECT_EQ(answer, 'y') << "run the tests as root";
        ::close(ready[0]);
        ::close(ready[1]);
    }
    ~Space() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }
    std::string path(const std::string& path) const {
        return "/proc/" + std::to_string(pid_) + "/root" + path;
    }

private:
    pid_t pid_ = 0;
};

class PersistentVolumesTest : public ::testing::Test {
protected:
    PersistentVolumesTest() {
        fs::create_directories(path("sandbox"));
        fs::create_directories(path("run"));
        fs::create_directories(path("v1"));
        std::ofstream(path("v1/file")) << "kept";
        fs::permissions(directory.path(), fs::perms(0755));
        options.work_dir = directory.path();
        isolated.sandbox = path("sandbox");
        isolated.runtime_dir = path("run");
        isolated.name = "c";
        plan.flags = SHIM_NEW_MOUNT_NS;
        mesos::v1::Resource::DiskInfo info;
        info.mutable_persistence()->set_id("v1");
        volume = {path("v1"), "data", false, 1U << 20, info.SerializeAsString()};
    }
    std::string path(const std::string& name) const { return directory.path() + "/" + name; }

    TemporaryDirectory directory;
    Options options;
    cgroups::Groups groups{{}, "tepui-persistent-test", {}};
    std::unique_ptr<Isolator> isolator = make_persistent_volumes({options, groups, {}});
    Isolated isolated;
    LaunchSpec spec;
    LaunchPlan plan;
    PersistentVolume volume;
};

TEST_F(PersistentVolumesTest, IsMountedAndGivenToItsUser) {
    EXPECT_FALSE(isolator->concerns(spec));
    spec.volumes = {volume};
    ASSERT_TRUE(isolator->concerns(spec));
    plan.user = User{"nobody", k_nobody, k_nobody, {}};
    ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    ASSERT_EQ(plan.mounts.size(), 1U);
    EXPECT_EQ(plan.mounts[0].source, path("v1"));
    EXPECT_EQ(plan.mounts[0].target, path("sandbox/data"));
    EXPECT_EQ(plan.mounts[0].flags, static_cast<std::uint64_t>(MS_NOSUID | MS_NODEV));
    EXPECT_EQ(stored_volumes(isolated), spec.volumes);
    struct stat stat{};
    ASSERT_EQ(::stat(path("v1").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, k_nobody);
    ASSERT_EQ(::stat(path("v1/file").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, 0U) << "what is in it is nobody's business";
    // A second one that shares it takes it from nobody.
    Isolated second = isolated;
    second.name = "d";
    plan.user = User{"daemon", 1, 1, {}};
    ASSERT_TRUE(isolator->prepare(second, spec, plan));
    ASSERT_EQ(::stat(path("v1").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, k_nobody);
}

TEST_F(PersistentVolumesTest, WhatLeavesTheSandboxOrIsNotThereIsRefused) {
    for (const char* bad : {"../out", "/tmp", "a/../../b", "."}) {
        spec.volumes = {volume};
        spec.volumes[0].container_path = bad;
        const auto refused = isolator->prepare(isolated, spec, plan);
        ASSERT_FALSE(refused) << bad;
        EXPECT_THAT(refused.error().text, HasSubstr(bad));
    }
    spec.volumes = {volume};
    spec.volumes[0].source = path("nowhere");
    EXPECT_THAT(isolator->prepare(isolated, spec, plan).error().text, HasSubstr("is not there"));
    EXPECT_TRUE(plan.mounts.empty());
}

TEST_F(PersistentVolumesTest, ComesAndGoesInARunningContainer) {
    spec.takes_tasks = true;
    ASSERT_TRUE(isolator->concerns(spec));
    ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    const Space space;
    // As after a restart of the agent.
    isolator = make_persistent_volumes({options, groups, {}});
    isolator->recover(isolated);
    isolator->started(isolated, space.pid());
    volume.read_only = true;
    ASSERT_TRUE(isolator->update(isolated, {.volumes = {volume}}));
    EXPECT_TRUE(fs::exists(space.path(path("sandbox/data/file"))));
    EXPECT_FALSE(fs::exists(path("sandbox/data/file"))) << "only in the container";
    EXPECT_FALSE(std::ofstream(space.path(path("sandbox/data/new"))).is_open());
    EXPECT_EQ(stored_volumes(isolated), PersistentVolumes{volume});
    ASSERT_TRUE(isolator->update(isolated, {.volumes = {volume}})) << "nothing changed";
    ASSERT_TRUE(isolator->update(isolated, {}));
    EXPECT_FALSE(fs::exists(space.path(path("sandbox/data/file"))));
    EXPECT_TRUE(fs::exists(path("v1/file")));
    EXPECT_TRUE(stored_volumes(isolated).empty());
}

TEST_F(PersistentVolumesTest, ATaskCannotTurnALateMountElsewhere) {
    spec.takes_tasks = true;
    ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    const Space space;
    isolator->started(isolated, space.pid());
    fs::create_directories(path("other/data"));
    fs::create_symlink(path("other"), path("sandbox/a"));
    volume.container_path = "a/data";
    EXPECT_FALSE(isolator->update(isolated, {.volumes = {volume}}));
    EXPECT_TRUE(fs::is_empty(space.path(path("other/data"))));
}

TEST_F(PersistentVolumesTest, IsALinkWithoutANamespace) {
    plan.flags = 0;
    spec.takes_tasks = true;
    ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    ASSERT_TRUE(isolator->update(isolated, {.volumes = {volume}}));
    EXPECT_EQ(fs::read_symlink(path("sandbox/data")), path("v1"));
    ASSERT_TRUE(isolator->update(isolated, {}));
    EXPECT_FALSE(fs::is_symlink(path("sandbox/data")));
    EXPECT_TRUE(fs::exists(path("v1/file")));
}

TEST_F(PersistentVolumesTest, AParentsVolumeIsReachedThroughItsSandbox) {
    fs::create_directories(path("sandbox/containers/one"));
    isolated.sandbox = path("sandbox/containers/one");
    spec.parent = ContainerId{"pod"};
    spec.parent_volumes = {volume};
    auto& wanted = *spec.info.emplace().add_volumes();
    wanted.set_mode(mesos::v1::Volume::RO);
    wanted.set_container_path("mine");
    wanted.mutable_source()->set_type(mesos::v1::Volume::Source::SANDBOX_PATH);
    auto& source = *wanted.mutable_source()->mutable_sandbox_path();
    source.set_type(mesos::v1::Volume::Source::SandboxPath::PARENT);
    source.set_path("data");
    ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    ASSERT_EQ(plan.mounts.size(), 1U);
    EXPECT_EQ(plan.mounts[0].source, path("v1"));
    EXPECT_EQ(plan.mounts[0].target, path("sandbox/containers/one/mine"));
    EXPECT_TRUE(plan.mounts[0].flags & MS_RDONLY);
    const auto plain = make_volume_sandbox_path({options, groups, {}});
    ASSERT_TRUE(plain->prepare(isolated, spec, plan));
    EXPECT_EQ(plan.mounts.size(), 1U) << "only once";
    EXPECT_FALSE(fs::exists(path("sandbox/data")));
}

TEST_F(PersistentVolumesTest, ItsSizeIsKept) {
    options.disk.enforce_quota = true;
    options.disk.watch_interval = std::chrono::milliseconds(20);
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<LimitHit> told;
    const auto du = make_disk_du({options, groups, [&](const ContainerId&, LimitHit hit) {
                                      const std::lock_guard lock(mutex);
                                      told = std::move(hit);
                                      changed.notify_all();
                                  }});
    spec.volumes = {volume};
    ASSERT_TRUE(du->prepare(isolated, spec, plan));
    std::ofstream(path("v1/large")) << std::string(2U << 20, 'x');
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return told.has_value(); }));
    EXPECT_THAT(told->message, HasSubstr("'v1'"));
    EXPECT_EQ(told->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_DISK);
    mesos::v1::ResourceStatistics statistics;
    du->usage(isolated, statistics);
    ASSERT_EQ(statistics.disk_statistics_size(), 1);
    EXPECT_EQ(statistics.disk_statistics(0).limit_bytes(), 1U << 20);
    EXPECT_GT(statistics.disk_statistics(0).used_bytes(), 1U << 20);
    EXPECT_EQ(statistics.disk_statistics(0).persistence().id(), "v1");
}

}  // namespace
}  // namespace tepui::containerizer
