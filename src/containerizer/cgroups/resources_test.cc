// Requests and limits apart, and what is counted: pure, and against trees that look like cgroups.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "containerizer/cgroups/blkio.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/mount.h"
#include "containerizer/limits.h"

namespace tepui::containerizer::cgroups {
namespace {

namespace fs = std::filesystem;
constexpr Isolation k_all{.cpu = true, .memory = true, .pids = true};

std::string value(const Limits& limits, Version version, std::string_view file) {
    for (const Setting& setting : plan(limits, k_all, version))
        if (setting.file == file) return setting.value;
    return "none";
}

TEST(RequestsTest, SoftLimitIsTheRequestAndHardLimitTheLimit) {
    const Limits burst{.mem_mb = 128, .mem_request_mb = 64};
    EXPECT_EQ(value(burst, Version::v1, "memory.soft_limit_in_bytes"), "67108864");
    EXPECT_EQ(value(burst, Version::v1, "memory.limit_in_bytes"), "134217728");
    EXPECT_EQ(value(burst, Version::v2, "memory.low"), "67108864");
    EXPECT_EQ(value(burst, Version::v2, "memory.max"), "134217728");
    const Limits unlimited{.mem_mb = INFINITY, .mem_request_mb = 64};
    EXPECT_EQ(value(unlimited, Version::v1, "memory.limit_in_bytes"), "-1");
    EXPECT_EQ(value(unlimited, Version::v1, "memory.soft_limit_in_bytes"), "67108864");
    EXPECT_EQ(value(unlimited, Version::v2, "memory.max"), "max");
    EXPECT_EQ(value({.cpus_limit = INFINITY}, Version::v2, "cpu.max"), "max 100000");
}

TEST(RequestsTest, SwapIsLimitedWithMemory) {
    Limits limits{.mem_mb = 64, .limit_swap = true};
    const auto settings = plan(limits, k_all, Version::v1);
    ASSERT_EQ(settings.size(), 3u);
    EXPECT_EQ(settings[1].file, "memory.limit_in_bytes") << "never above that of both";
    EXPECT_EQ(settings[2].file, "memory.memsw.limit_in_bytes");
    EXPECT_EQ(settings[2].value, settings[1].value);
    EXPECT_EQ(value(limits, Version::v2, "memory.swap.max"), "0");
    limits.limit_swap = false;
    EXPECT_EQ(value(limits, Version::v1, "memory.memsw.limit_in_bytes"), "none");
}

TEST(RequestsTest, RevocableCpusWeighAHundredth) {
    EXPECT_EQ(value({.cpus = 4, .cpus_low_priority = true}, Version::v1, "cpu.shares"), "40");
    EXPECT_EQ(value({.cpus = 0.1, .cpus_low_priority = true}, Version::v1, "cpu.shares"), "2");
    EXPECT_EQ(value({.cpus = 4, .cpus_low_priority = true}, Version::v2, "cpu.weight"), "4");
}

TEST(RequestsTest, WhoMayBurstEndsFirstWhenTheMachineIsFull) {
    constexpr std::uint64_t machine = std::uint64_t{4096} << 20;
    EXPECT_EQ(oom_score_adj(1024, 2048, false, machine), 750);
    EXPECT_EQ(oom_score_adj(64, INFINITY, false, machine), 984);
    EXPECT_EQ(oom_score_adj(1024, 1024, false, machine), std::nullopt) << "it can't burst";
    EXPECT_EQ(oom_score_adj(std::nullopt, std::nullopt, false, machine), std::nullopt);
    EXPECT_EQ(oom_score_adj(1e9, INFINITY, false, machine), 0);
    EXPECT_EQ(oom_score_adj(1024, 1024, true, machine), 1000) << "what it has may be taken away";
}

TEST(RequestsTest, QuotaFollowsTheLimitAndOnlyByFlagTheRequest) {
    Options options;
    LaunchSpec spec;
    spec.cpus = 2;
    EXPECT_FALSE(make_limits(spec, options).cpus_limit);
    spec.cpus_limit = 3;
    EXPECT_EQ(make_limits(spec, options).cpus_limit, 3);
    spec.cpus_limit.reset();
    options.cgroups_enable_cfs = true;
    EXPECT_EQ(make_limits(spec, options).cpus_limit, 2);
    spec.cpus_limit = INFINITY;
    EXPECT_EQ(make_limits(spec, options).cpus_limit, INFINITY) << "the task's word counts more";
    options.cgroups_enable_cfs = false;
    const ContainerResources update{.cpus = 1};
    EXPECT_EQ(make_limits(update, options).cpus_limit, INFINITY) << "the last limit is gone";
    spec.cpus_revocable = true;
    EXPECT_TRUE(make_limits(spec, options).cpus_low_priority);
    options.cgroup.revocable_cpu_low_priority = false;
    EXPECT_FALSE(make_limits(spec, options).cpus_low_priority);
}

TEST(MountTest, OnlyWhatTheKernelHasAndNobodyMounted) {
    const char* table =
        "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
        "cpu\t1\t4\t1\nnet_cls\t0\t1\t1\nperf_event\t0\t1\t0\nhugetlb\t0\t1\t1\nblkio\t7\t1\t1\n";
    const Hierarchies v1{Version::v1, {{"cpu", "/cg/cpu"}}};
    const std::vector<std::string> wanted{"cpu", "net_cls", "perf_event", "blkio"};
    EXPECT_EQ(mountable(table, wanted, v1), (std::vector<std::string>{"net_cls", "blkio"}));
    EXPECT_TRUE(mountable(table, wanted, {Version::v2, {{"cpu", "/cg"}}}).empty());
    EXPECT_TRUE(mountable(table, wanted, {}).empty()) << "no cgroups here";
}

TEST(BlkioTest, CountersOfV1) {
    const auto read = [](const std::string& file) -> std::string {
        if (file == "blkio.throttle.io_serviced")
            return "8:0 Read 3\n8:0 Write 4\n8:0 Discard 1\n253:1 Read 7\nTotal 15\n";
        if (file == "blkio.throttle.io_service_bytes") return "8:0 Read 4096\nTotal 4096\n";
        if (file == "blkio.time_recursive") return "8:0 12\n";
        if (file == "blkio.sectors_recursive") return "8:0 16\n";
        return "";
    };
    BlkioStatistics statistics;
    blkio_v1(read, statistics);
    ASSERT_EQ(statistics.throttling_size(), 2);
    const auto& disk = statistics.throttling(0);
    EXPECT_EQ(disk.device().major_number(), 8u);
    ASSERT_EQ(disk.io_serviced_size(), 3);
    EXPECT_EQ(disk.io_serviced(1).op(), mesos::v1::CgroupInfo::Blkio::WRITE);
    EXPECT_EQ(disk.io_serviced(1).value(), 4u);
    EXPECT_EQ(disk.io_service_bytes(0).value(), 4096u);
    EXPECT_EQ(statistics.throttling(1).device().minor_number(), 1u);
    ASSERT_EQ(statistics.cfq_recursive_size(), 1);
    EXPECT_EQ(statistics.cfq_recursive(0).time(), 12'000'000u);
    EXPECT_EQ(statistics.cfq_recursive(0).sectors(), 16u);
    EXPECT_EQ(statistics.cfq_size(), 0);
}

TEST(BlkioTest, CountersOfV2) {
    BlkioStatistics statistics;
    io_v2("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=30 dios=3\nbad line\n", statistics);
    ASSERT_EQ(statistics.throttling_size(), 1);
    const auto& disk = statistics.throttling(0);
    ASSERT_EQ(disk.io_service_bytes_size(), 3);
    EXPECT_EQ(disk.io_service_bytes(1).value(), 20u);
    ASSERT_EQ(disk.io_serviced_size(), 3);
    EXPECT_EQ(disk.io_serviced(2).op(), mesos::v1::CgroupInfo::Blkio::DISCARD);
}

/// Plain files take what is written to them, and tell what was put there.
class FakeTreeTest : public ::testing::Test {
protected:
    void SetUp() override {
        mount_ = "/tmp/tepui-tree-" + std::to_string(::getpid());
        fs::create_directories(mount_ + "/tepui/c1");
    }
    void TearDown() override { fs::remove_all(mount_); }
    void put(const std::string& file, const std::string& text) {
        std::ofstream(mount_ + "/" + file) << text;
    }
    std::string mount_;
};

TEST_F(FakeTreeTest, ANewCpusetHasWhatItsParentHas) {
    for (const char* directory : {"", "tepui/", "tepui/c1/"})
        for (const char* file : {"cpuset.cpus", "cpuset.mems"})
            put(std::string(directory) + file, "");
    put("cpuset.cpus", "0-3\n");
    put("cpuset.mems", "0\n");
    put("tepui/cpuset.cpus", "0-1\n");  // An operator narrowed it.
    Groups groups({Version::v1, {{"cpuset", mount_}}}, "tepui", {.cpuset = true});
    EXPECT_TRUE(groups.prepare().empty());
    ASSERT_TRUE(groups.create("c1", {}));
    EXPECT_EQ(read_file(mount_ + "/tepui/c1/cpuset.cpus"), "0-1\n");
    EXPECT_EQ(read_file(mount_ + "/tepui/c1/cpuset.mems"), "0\n");
}

TEST_F(FakeTreeTest, V2TellsPressureAndBlockDevices) {
    for (const char* directory : {"", "tepui/"})
        put(std::string(directory) + "cgroup.subtree_control", "");
    put("tepui/c1/memory.events", "low 1\nhigh 2\nmax 3\noom 0\noom_kill 0\n");
    put("tepui/c1/io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2\n");
    put("tepui/c1/memory.current", "4096\n");
    Groups groups({Version::v2, {{"memory", mount_}, {"io", mount_}, {"perf_event", mount_}}},
                  "tepui", {.memory = true, .blkio = true, .perf_event = true});
    EXPECT_TRUE(groups.prepare().empty());
    EXPECT_EQ(read_file(mount_ + "/cgroup.subtree_control"), "+memory +io")
        << "perf_event can't be switched on: it is always there";
    mesos::v1::ResourceStatistics statistics;
    groups.usage("c1", statistics);
    EXPECT_EQ(statistics.mem_low_pressure_counter(), 1u);
    EXPECT_EQ(statistics.mem_medium_pressure_counter(), 2u);
    EXPECT_EQ(statistics.mem_critical_pressure_counter(), 3u);
    EXPECT_EQ(statistics.blkio_statistics().throttling_size(), 1);
    EXPECT_EQ(statistics.mem_total_bytes(), 4096u);
}

}  // namespace
}  // namespace tepui::containerizer::cgroups
