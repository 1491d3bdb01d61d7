#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "base/temporary_directory_testing.h"
#include "containerizer/disk/quota.h"
#include "containerizer/disk/usage.h"
#include "containerizer/isolators/disk_du/disk_du.h"
#include "containerizer/isolators/disk_xfs/disk_xfs.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::uint64_t k_megabyte = std::uint64_t{1} << 20;
constexpr std::chrono::seconds k_deadline{60};

void write_bytes(const std::string& path, std::size_t count) {
    std::ofstream(path, std::ios::binary) << std::string(count, 'x');
}

TEST(MeasureTree, CountsBlocksOnceAndFollowsNothing) {
    const TemporaryDirectory directory;
    const std::string top = directory.path() + "/top";
    fs::create_directories(top + "/a/b");
    const auto empty = measure_tree(top)->bytes;
    write_bytes(top + "/a/b/file", k_megabyte);
    write_bytes(directory.path() + "/outside", 5 * k_megabyte);
    fs::create_hard_link(top + "/a/b/file", top + "/second");
    fs::create_symlink(directory.path(), top + "/up");
    fs::create_symlink(top, top + "/a/loop");
    const auto whole = measure_tree(top)->bytes;
    EXPECT_GE(whole, empty + k_megabyte);
    EXPECT_LT(whole, empty + 2 * k_megabyte);
    // A hole takes nothing.
    write_bytes(top + "/sparse", 0);
    fs::resize_file(top + "/sparse", 100 * k_megabyte);
    EXPECT_LT(measure_tree(top)->bytes, empty + 2 * k_megabyte);
    EXPECT_EQ(measure_tree(top + "/none").error().code, Errc::not_found);
    EXPECT_FALSE(measure_tree(top + "/up")) << "a link in place of a sandbox";
}

TEST(MeasureTree, StaysOnOneFileSystemAndEndsWhenAsked) {
    const TemporaryDirectory directory;
    fs::create_directories(directory.path() + "/mounted");
    ASSERT_EQ(::mount("tepui-test", (directory.path() + "/mounted").c_str(), "tmpfs", 0, nullptr),
              0)
        << "this test mounts a file system: run it as root";
    write_bytes(directory.path() + "/mounted/file", 3 * k_megabyte);
    EXPECT_LT(measure_tree(directory.path())->bytes, k_megabyte);
    ::umount2((directory.path() + "/mounted").c_str(), MNT_DETACH);
    for (int i = 0; i < 20; ++i) write_bytes(fmt::format("{}/{}", directory.path(), i), 1);
    DiskWalk walk;
    walk.entries_max = 10;
    EXPECT_FALSE(measure_tree(directory.path(), walk)->complete);
    const std::atomic<bool> cancelled = true;
    walk.cancelled = &cancelled;
    EXPECT_EQ(measure_tree(directory.path(), walk).error().code, Errc::cancelled);
}

TEST(MeasureTree, OfAVeryDeepTreeOnlyTheTopIsCounted) {
    const TemporaryDirectory directory;
    int at = ::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int level = 0; level < 3000; ++level) {
        ASSERT_EQ(::mkdirat(at, "d", 0700), 0);
        const int below = ::openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ::close(at);
        at = below;
    }
    ::close(at);
    EXPECT_TRUE(measure_tree(directory.path()).has_value());
}

/// What isolators are told and say, without a containerizer.
class DiskIsolators : public ::testing::Test {
protected:
    DiskIsolators() {
        fs::create_directories(path("run"));
        fs::create_directories(path("sandbox"));
        options.work_dir = directory.path();
        options.disk.watch_interval = std::chrono::milliseconds(5);
        isolated.container = ContainerId{"c"};
        isolated.name = "c";
        isolated.runtime_dir = path("run");
        isolated.sandbox = path("sandbox");
        auto& disk = *spec.resources.Add();
        disk.set_name("disk");
        disk.mutable_scalar()->set_value(2);
    }
    std::string path(const std::string& name) const { return directory.path() + "/" + name; }
    IsolatorContext context() {
        return {options, groups, [this](const ContainerId& id, LimitHit hit) {
                    const std::lock_guard lock(mutex);
                    if (id == isolated.container && !told) told = std::move(hit);
                    changed.notify_all();
                }};
    }
    bool await_limit() {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, k_deadline, [this] { return told.has_value(); });
    }

    TemporaryDirectory directory;
    Options options;
    cgroups::Groups groups{{}, "tepui-disk-test", {}};
    Isolated isolated;
    LaunchSpec spec;
    LaunchPlan plan;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<LimitHit> told;
};

TEST_F(DiskIsolators, QuotaIsOfPlainDiskAlone) {
    auto& persistent = *spec.resources.Add();
    persistent.set_name("disk");
    persistent.mutable_scalar()->set_value(100);
    persistent.mutable_disk()->mutable_persistence()->set_id("p");
    EXPECT_EQ(disk_quota_bytes(spec), 2 * k_megabyte);
    EXPECT_EQ(stored_quota(isolated), std::nullopt);
    ASSERT_TRUE(store_quota(isolated, 2 * k_megabyte));
    EXPECT_EQ(stored_quota(isolated), 2 * k_megabyte);
    spec.resources.Clear();
    EXPECT_EQ(disk_quota_bytes(spec), std::nullopt);
}

TEST_F(DiskIsolators, DuTellsOfWhoHasTooMuchAlsoAfterARestart) {
    options.disk.enforce_quota = true;
    {
        const auto isolator = make_disk_du(context());
        ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    }
    EXPECT_FALSE(told) << "it has nothing";
    const auto isolator = make_disk_du(context());
    isolator->recover(isolated);
    write_bytes(path("sandbox/big"), 3 * k_megabyte);
    ASSERT_TRUE(await_limit());
    EXPECT_EQ(told->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_DISK);
    EXPECT_THAT(told->message, HasSubstr("exceeds quota (2.0MB)"));
    EXPECT_EQ(told->resources.resources(0).scalar().value(), 2);
    mesos::v1::ResourceStatistics statistics;
    isolator->usage(isolated, statistics);
    EXPECT_EQ(statistics.disk_limit_bytes(), 2 * k_megabyte);
    EXPECT_GT(statistics.disk_used_bytes(), 2 * k_megabyte);  // It may have looked in mid-writing.
    ASSERT_TRUE(isolator->cleanup(isolated));
    mesos::v1::ResourceStatistics after;
    isolator->usage(isolated, after);
    EXPECT_FALSE(after.has_disk_used_bytes());
}

/// Project quotas in memory.
struct FakeQuotas {
    struct Project {
        ProjectUsage usage;
        std::uint64_t soft = 0;
        std::uint64_t hard = 0;
    };
    std::mutex mutex;
    std::map<std::uint32_t, Project> projects;
    std::map<std::string, std::uint32_t> directories;
};

class FakeProjectQuotas final : public ProjectQuotas {
public:
    explicit FakeProjectQuotas(FakeQuotas& fake) : fake_(fake) {}
    Result<void> assign(const std::string& directory, std::uint32_t project) override {
        const std::lock_guard lock(fake_.mutex);
        fake_.directories[directory] = project;
        ++fake_.projects[project].usage.files;  // The directory itself.
        return {};
    }
    Result<ProjectUsage> usage(std::uint32_t project) override {
        const std::lock_guard lock(fake_.mutex);
        return fake_.projects[project].usage;
    }
    Result<void> limit(std::uint32_t project, std::uint64_t soft, std::uint64_t hard) override {
        const std::lock_guard lock(fake_.mutex);
        fake_.projects[project].soft = soft;
        fake_.projects[project].hard = hard;
        return {};
    }

private:
    FakeQuotas& fake_;
};

class DiskXfs : public DiskIsolators {
protected:
    std::unique_ptr<Isolator> make() {
        auto isolator = make_disk_xfs(context(), [this](const std::string&) {
            return Result<std::unique_ptr<ProjectQuotas>>(
                std::make_unique<FakeProjectQuotas>(fake));
        });
        EXPECT_TRUE(isolator->prepare_machine());
        return isolator;
    }
    Isolated another(const std::string& name) {
        fs::create_directories(path(name));
        fs::create_directories(path(name + "-run"));
        return {ContainerId{name}, name, path(name + "-run"), path(name), "", ""};
    }
    FakeQuotas fake;
};

TEST_F(DiskXfs, EverySandboxHasAProjectUntilItsFilesAreGone) {
    options.disk.xfs_project_range = "[7-7,9-9]";
    const auto isolator = make();
    ASSERT_TRUE(isolator->prepare(isolated, spec, plan));
    EXPECT_EQ(fake.directories[isolated.sandbox], 7U);
    EXPECT_EQ(fake.projects[7].hard, 2 * k_megabyte);
    const Isolated second = another("second");
    ASSERT_TRUE(isolator->prepare(second, spec, plan));
    EXPECT_EQ(fake.directories[second.sandbox], 9U);
    EXPECT_THAT(isolator->prepare(another("third"), spec, plan).error().text,
                HasSubstr("--xfs_project_range"));
    // The container is gone, its files are not.
    ASSERT_TRUE(isolator->cleanup(isolated));
    EXPECT_EQ(fake.projects[7].hard, 0U);
    EXPECT_FALSE(isolator->prepare(another("fourth"), spec, plan));
    fake.projects[7].usage = {};
    ASSERT_TRUE(isolator->prepare(another("fifth"), spec, plan));
    EXPECT_EQ(fake.directories[path("fifth")], 7U);
}

TEST_F(DiskXfs, AContainerThatPassesItsQuotaIsEndedByFlagAlsoAfterARestart) {
    options.disk.xfs_kill_containers = true;
    ASSERT_TRUE(make()->prepare(isolated, spec, plan));
    EXPECT_EQ(fake.projects[5000].soft, 2 * k_megabyte);
    EXPECT_EQ(fake.projects[5000].hard, 12 * k_megabyte);
    const auto isolator = make();
    isolator->recover(isolated);
    {
        const std::lock_guard lock(fake.mutex);
        fake.projects[5000].usage.bytes = 3 * k_megabyte;
    }
    ASSERT_TRUE(await_limit());
    EXPECT_THAT(told->message, HasSubstr("Disk usage (3.0MB) exceeds quota (2.0MB)"));
    mesos::v1::ResourceStatistics statistics;
    isolator->usage(isolated, statistics);
    EXPECT_EQ(statistics.disk_used_bytes(), 3 * k_megabyte);
    const Isolated second = another("second");
    ASSERT_TRUE(isolator->prepare(second, spec, plan));
    EXPECT_EQ(fake.directories[second.sandbox], 5001U) << "the first one's is taken";
}

TEST_F(DiskXfs, SaysWhatIsMissing) {
    for (const char* wrong : {"", "5000", "[5-1]", "[a-b]", "[0-5]", "[1-2", "[1-2;3-4]", "[]"}) {
        options.disk.xfs_project_range = wrong;
        EXPECT_FALSE(make_disk_xfs(context())->prepare_machine()) << wrong;
    }
    EXPECT_THAT(open_xfs_quotas("/proc").error().text, HasSubstr("is not on XFS"));
}

}  // namespace
}  // namespace tepui::containerizer
