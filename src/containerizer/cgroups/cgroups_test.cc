#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/plan.h"

namespace tepui::containerizer::cgroups {
namespace {

constexpr Isolation k_all{.cpu = true, .memory = true, .pids = true};

TEST(CgroupPlanTest, V1) {
    const Limits limits{.cpus = 0.5, .cpus_limit = 1.5, .mem_mb = 64, .pids_max = 10};
    EXPECT_EQ(plan(limits, k_all, Version::v1),
              (std::vector<Setting>{{"cpu", "cpu.shares", "512"},
                                    {"cpu", "cpu.cfs_period_us", "100000"},
                                    {"cpu", "cpu.cfs_quota_us", "150000"},
                                    {"memory", "memory.soft_limit_in_bytes", "67108864"},
                                    {"memory", "memory.limit_in_bytes", "67108864"},
                                    {"pids", "pids.max", "10"}}));
}

TEST(CgroupPlanTest, V2) {
    const Limits limits{.cpus = 0.5, .cpus_limit = 1.5, .mem_mb = 64, .pids_max = 10};
    EXPECT_EQ(plan(limits, k_all, Version::v2),
              (std::vector<Setting>{{"cpu", "cpu.weight", "50"},
                                    {"cpu", "cpu.max", "150000 100000"},
                                    {"memory", "memory.low", "67108864"},
                                    {"memory", "memory.max", "67108864"},
                                    {"memory", "memory.oom.group", "1"},
                                    {"pids", "pids.max", "10"}}));
}

TEST(CgroupPlanTest, Bounds) {
    const auto value = [](Limits limits, Version version, std::string_view file) {
        for (const Setting& setting : plan(limits, k_all, version))
            if (setting.file == file) return setting.value;
        return std::string("none");
    };
    EXPECT_EQ(value({.cpus = 0.001}, Version::v1, "cpu.shares"), "2");
    EXPECT_EQ(value({.cpus = NAN}, Version::v1, "cpu.shares"), "2");
    EXPECT_EQ(value({.cpus = -1}, Version::v1, "cpu.shares"), "2");
    EXPECT_EQ(value({.cpus = 1e9}, Version::v1, "cpu.shares"), "262144");
    EXPECT_EQ(value({.cpus = 0.001}, Version::v2, "cpu.weight"), "1");
    EXPECT_EQ(value({.cpus = 1e9}, Version::v2, "cpu.weight"), "10000");
    EXPECT_EQ(value({.cpus_limit = 0.001}, Version::v1, "cpu.cfs_quota_us"), "1000");
    EXPECT_EQ(value({.cpus_limit = INFINITY}, Version::v1, "cpu.cfs_quota_us"), "-1");
    EXPECT_EQ(value({.mem_mb = 1}, Version::v1, "memory.limit_in_bytes"), "33554432");
    EXPECT_EQ(value({}, Version::v1, "memory.limit_in_bytes"), "none");
    EXPECT_TRUE(plan({.cpus = 1, .mem_mb = 64, .pids_max = 1}, {}, Version::v1).empty());
}

TEST(HierarchiesTest, ReadsMountinfo) {
    const auto none = [](const std::string&) { return std::string(); };
    const auto v1 = find_hierarchies(
        "30 25 0:26 / /cg/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        "31 25 0:27 / /cg/memory rw - cgroup cgroup rw,memory\n"
        "32 25 0:28 / /cg/unified rw - cgroup2 cgroup2 rw\n",
        none);
    EXPECT_EQ(v1.version, Version::v1);
    EXPECT_EQ(v1.roots(needed_controllers(k_all, Version::v1)),
              (std::vector<std::string>{"/cg/memory", "/cg/cpu,cpuacct"}));
    EXPECT_FALSE(v1.has("pids"));
    const auto v2 =
        find_hierarchies("32 25 0:28 / /cg rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
                         [](const std::string& point) {
                             return point == "/cg" ? "cpuset cpu io memory pids\n" : "";
                         });
    EXPECT_EQ(v2.version, Version::v2);
    EXPECT_EQ(v2.roots(needed_controllers(k_all, Version::v2)), (std::vector<std::string>{"/cg"}));
    EXPECT_TRUE(v2.has("pids"));
    EXPECT_TRUE(find_hierarchies("", none).mounts.empty());
}

/// A directory tree that looks like cgroup v2; plain files take what is written to them.
class FakeV2Test : public ::testing::Test {
protected:
    void SetUp() override {
        mount_ = "/tmp/tepui-v2-" + std::to_string(::getpid());
        std::filesystem::create_directories(mount_ + "/tepui/agent/c1");
        for (const char* directory : {"", "/tepui", "/tepui/agent"})
            touch(std::string(directory) + "/cgroup.subtree_control");
        for (const char* file : {"cpu.weight", "cpu.max", "memory.low", "memory.max",
                                 "memory.oom.group", "pids.max", "cgroup.procs"})
            touch(std::string("/tepui/agent/c1/") + file);
        hierarchies_ = {Version::v2, {{"cpu", mount_}, {"memory", mount_}, {"pids", mount_}}};
    }
    void TearDown() override { std::filesystem::remove_all(mount_); }
    void touch(const std::string& path, const std::string& text = {}) {
        std::ofstream(mount_ + path) << text;
    }
    std::string leaf(const std::string& file) {
        return read_file(mount_ + "/tepui/agent/c1/" + file);
    }

    std::string mount_;
    Hierarchies hierarchies_;
};

TEST_F(FakeV2Test, HandsControllersDownAndSetsLimits) {
    Groups groups(hierarchies_, "tepui/agent", k_all);
    EXPECT_EQ(groups.prepare(), std::vector<std::string>{});
    for (const char* directory : {"", "/tepui", "/tepui/agent"})
        EXPECT_EQ(read_file(mount_ + directory + "/cgroup.subtree_control"), "+pids +memory +cpu");
    EXPECT_EQ(groups.directories("c1"), (std::vector<std::string>{mount_ + "/tepui/agent/c1"}));
    const auto made =
        groups.create("c1", {.cpus = 2, .cpus_limit = 2, .mem_mb = 64, .pids_max = 7});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(leaf("cpu.weight"), "200");
    EXPECT_EQ(leaf("cpu.max"), "200000 100000");
    EXPECT_EQ(leaf("memory.max"), "67108864");
    EXPECT_EQ(leaf("memory.oom.group"), "1");
    EXPECT_EQ(leaf("pids.max"), "7");
    EXPECT_EQ(groups.names(), (std::vector<std::string>{"c1"}));
}

TEST_F(FakeV2Test, LimitsFollowButMemoryIsNotTakenBack) {
    Groups groups(hierarchies_, "tepui/agent", k_all);
    groups.prepare();
    ASSERT_TRUE(groups.create("c1", {.cpus = 2, .cpus_limit = 2, .mem_mb = 64, .pids_max = 7}));
    ASSERT_TRUE(groups.update("c1", {.cpus = 3, .cpus_limit = 3, .mem_mb = 96}));
    EXPECT_EQ(leaf("cpu.weight"), "300");
    EXPECT_EQ(leaf("cpu.max"), "300000 100000");
    EXPECT_EQ(leaf("memory.max"), "100663296");
    EXPECT_EQ(leaf("pids.max"), "7") << "not asked for: as it was";
    ASSERT_TRUE(groups.update("c1", {.cpus = 1, .cpus_limit = 1, .mem_mb = 64}));
    EXPECT_EQ(leaf("cpu.weight"), "100");
    EXPECT_EQ(leaf("memory.max"), "100663296") << "it may be in use";
    EXPECT_FALSE(groups.update("gone", {.cpus = 1}));
}

TEST_F(FakeV2Test, HandsControllersDownToWhatIsNested) {
    std::filesystem::create_directories(mount_ + "/tepui/agent/c1/n1");
    touch("/tepui/agent/c1/cgroup.subtree_control");
    for (const char* file : {"cpu.weight", "cpu.max", "memory.low", "memory.max",
                             "memory.oom.group", "pids.max", "cgroup.procs"})
        touch(std::string("/tepui/agent/c1/n1/") + file);
    Groups groups(hierarchies_, "tepui/agent", k_all);
    EXPECT_EQ(groups.prepare(), std::vector<std::string>{});
    const auto made =
        groups.create("c1/n1", {.cpus = 1, .cpus_limit = {}, .mem_mb = 64, .pids_max = 7});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(leaf("cgroup.subtree_control"), "+pids +memory +cpu");
    EXPECT_EQ(leaf("n1/memory.max"), "67108864");
    EXPECT_EQ(groups.names("c1"), (std::vector<std::string>{"c1/n1"}));
    EXPECT_EQ(groups.names(), (std::vector<std::string>{"c1"}));
}

TEST_F(FakeV2Test, ReadsUsage) {
    Groups groups(hierarchies_, "tepui/agent", k_all);
    groups.prepare();
    touch("/tepui/agent/c1/cpu.stat",
          "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\n"
          "nr_periods 4\nnr_throttled 2\nthrottled_usec 500000\n");
    touch("/tepui/agent/c1/cpu.weight", "50\n");
    touch("/tepui/agent/c1/cpu.max", "max 100000\n");
    touch("/tepui/agent/c1/memory.current", "4096\n");
    touch("/tepui/agent/c1/memory.max", "8192\n");
    touch("/tepui/agent/c1/memory.stat", "anon 1024\nfile 2048\nfile_mapped 512\n");
    touch("/tepui/agent/c1/cgroup.procs", "10\n11\n");
    touch("/tepui/agent/c1/cgroup.threads", "10\n11\n12\n");
    mesos::v1::ResourceStatistics usage;
    groups.usage("c1", usage);
    EXPECT_EQ(usage.cpus_user_time_secs(), 2);
    EXPECT_EQ(usage.cpus_system_time_secs(), 1);
    EXPECT_EQ(usage.cpus_throttled_time_secs(), 0.5);
    EXPECT_EQ(usage.cpus_soft_limit(), 0.5);
    EXPECT_FALSE(usage.has_cpus_limit());
    EXPECT_EQ(usage.mem_total_bytes(), 4096u);
    EXPECT_EQ(usage.mem_limit_bytes(), 8192u);
    EXPECT_EQ(usage.mem_rss_bytes(), 1024u);
    EXPECT_EQ(usage.mem_file_bytes(), 2048u);
    EXPECT_EQ(usage.processes(), 2u);
    EXPECT_EQ(usage.threads(), 3u);
}

TEST_F(FakeV2Test, MissingControllersAreToldAndLeftOut) {
    Groups groups({Version::v2, {{"cpu", mount_}}}, "tepui/agent", k_all);
    const std::vector<std::string> missing = groups.prepare();
    ASSERT_EQ(missing.size(), 2u);
    EXPECT_NE(missing[0].find("'pids'"), std::string::npos);
    EXPECT_NE(missing[1].find("'memory'"), std::string::npos);
    EXPECT_EQ(groups.isolation(), (Isolation{.cpu = true}));
    EXPECT_EQ(groups.directory("memory", "c1"), "");

    Groups read_only({Version::v2, {{"cpu", "/proc/sys"}}}, "tepui", {.cpu = true});
    EXPECT_EQ(read_only.prepare().size(), 1u);
    EXPECT_FALSE(read_only.any());
}

}  // namespace
}  // namespace tepui::containerizer::cgroups
