// What requests and limits come to in the kernel's files, and the controllers beside cpu, memory
// and pids. On cgroups v1, as machines for tests have it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "containerizer/cgroups/files.h"
#include "containerizer/containerizer_fixture.h"
#include "containerizer/descriptor.h"
#include "containerizer/limits.h"
#include "containerizer/names.h"

namespace tepui::containerizer {
namespace {

class LimitsTest : public ContainerizerTest {
protected:
    void SetUp() override {
        ContainerizerTest::SetUp();
        hierarchies_ = cgroups::find_hierarchies();
        ASSERT_EQ(hierarchies_.version, cgroups::Version::v1)
            << "these tests read files of cgroups v1";
    }
    void TearDown() override {
        ContainerizerTest::TearDown();
        for (const auto& [controller, point] : cgroups::find_hierarchies().mounts) {
            const std::string root = point + "/" + options_.cgroups_root;
            EXPECT_EQ(entries_of_kind_directory(root), 0u) << controller;
            ::rmdir(root.c_str());
            if (!hierarchies_.has(controller)) {  // A test had it mounted.
                // The kernel keeps a hierarchy for ever that had dying cgroups at its unmounting,
                // and then runtimes stumble over it.
                EXPECT_TRUE(only_root_is_left(controller)) << controller;
                EXPECT_EQ(::umount2(point.c_str(), 0), 0) << point;
                ::rmdir(point.c_str());
            }
        }
    }
    /// Waits until all cgroups but the root are gone from a controller's hierarchy.
    static bool only_root_is_left(const std::string& controller) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (std::chrono::steady_clock::now() < deadline) {
            std::ifstream table("/proc/cgroups");
            for (std::string line; std::getline(table, line);) {
                std::istringstream words(line);  // "name hierarchy cgroups enabled"
                std::string name;
                int hierarchy = 0;
                int count = 0;
                if (words >> name >> hierarchy >> count && name == controller && count == 1)
                    return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return false;
    }
    static std::size_t entries_of_kind_directory(const std::string& path) {
        std::error_code error;
        std::size_t count = 0;
        for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; ++it)
            count += it->is_directory() ? 1 : 0;
        return count;
    }
    std::string control(const std::string& controller, const std::string& id,
                        const std::string& file) const {
        return cgroups::read_file(cgroups::find_hierarchies().mounts.at(controller) + "/" +
                                  options_.cgroups_root + "/" + short_name(ContainerId(id)) + "/" +
                                  file);
    }
    /// A task that waits until the pipe is written to.
    Task launch_waiting(LaunchSpec what, const std::string& fifo) {
        what.command.set_value("read line < " + fifo);
        return launch(std::move(what));
    }
    static void let_go(const std::string& fifo) { std::ofstream(fifo) << "go\n"; }

    cgroups::Hierarchies hierarchies_;
};

TEST_F(LimitsTest, RequestAndLimitAreApart) {
    const std::string fifo = make_fifo("go");
    LaunchSpec what = spec("burst", "");
    what.cpus = 0.5;
    what.cpus_limit = 1.5;
    what.mem_request_mb = 64;
    what.mem_mb = 128;
    Task run = launch_waiting(what, fifo);
    ASSERT_TRUE(run.await_started());
    EXPECT_EQ(control("cpu", "burst", "cpu.shares"), "512\n");
    EXPECT_EQ(control("cpu", "burst", "cpu.cfs_quota_us"), "150000\n") << "without the cfs flag";
    EXPECT_EQ(control("memory", "burst", "memory.soft_limit_in_bytes"), "67108864\n");
    EXPECT_EQ(control("memory", "burst", "memory.limit_in_bytes"), "134217728\n");
    // The limits are taken away, the request is kept.
    const ContainerResources unlimited{
        .cpus = 0.5, .mem_mb = std::numeric_limits<double>::infinity(), .mem_request_mb = 64};
    ASSERT_TRUE(containerizer_->update(run.id, unlimited, 1));
    EXPECT_EQ(control("cpu", "burst", "cpu.cfs_quota_us"), "-1\n");
    EXPECT_GT(control("memory", "burst", "memory.limit_in_bytes").size(), 12u);
    EXPECT_EQ(control("memory", "burst", "memory.soft_limit_in_bytes"), "67108864\n");
    let_go(fifo);
    run.await_exited();
    containerizer_->forget(run.id);
}

TEST_F(LimitsTest, WhoMayBurstHasAnOomScore) {
    LaunchSpec what = spec("score", "cat /proc/self/oom_score_adj");
    what.mem_request_mb = 64;
    what.mem_mb = 128;
    EXPECT_EQ(run(what).status, 0);
    EXPECT_EQ(out("score"), std::to_string(oom_score_adj(what).value()) + "\n");
    LaunchSpec revocable = spec("revocable", "cat /proc/self/oom_score_adj");
    revocable.mem_revocable = true;
    EXPECT_EQ(run(revocable).status, 0);
    EXPECT_EQ(out("revocable"), "1000\n");
}

TEST_F(LimitsTest, SwapAndLowPriority) {
    options_.cgroup.limit_swap = true;
    const std::string fifo = make_fifo("go");
    LaunchSpec what = spec("low", "");
    what.cpus = 4;
    what.cpus_revocable = true;
    Task run = launch_waiting(what, fifo);
    ASSERT_TRUE(run.await_started());
    EXPECT_EQ(control("cpu", "low", "cpu.shares"), "40\n");
    EXPECT_EQ(control("memory", "low", "memory.memsw.limit_in_bytes"), "67108864\n");
    ASSERT_TRUE(containerizer_->update(run.id, {.cpus = 4, .mem_mb = 128}, 1));
    EXPECT_EQ(control("memory", "low", "memory.memsw.limit_in_bytes"), "134217728\n");
    EXPECT_EQ(control("cpu", "low", "cpu.shares"), "4096\n");
    let_go(fifo);
    run.await_exited();
    containerizer_->forget(run.id);
}

TEST_F(LimitsTest, EveryControllerOfTheMachine) {
    options_.isolation.insert(options_.isolation.end(),
                              {"cgroups/cpuset", "cgroups/blkio", "cgroups/devices"});
    const std::string fifo = make_fifo("go");
    // null may be used, the console's memory may not.
    LaunchSpec what = spec("all", "");
    what.command.set_value("echo x > /dev/null && mknod mem c 1 1 && ! head -c 1 mem && read l < " +
                           fifo);
    Task run = launch(what);
    const auto started = run.await_started();
    ASSERT_TRUE(started) << started.error().error.text;
    EXPECT_FALSE(control("cpuset", "all", "cgroup.procs").empty());
    EXPECT_FALSE(control("cpuset", "all", "cpuset.cpus").empty());
    EXPECT_FALSE(control("blkio", "all", "cgroup.procs").empty());
    EXPECT_NE(control("devices", "all", "devices.list").find("c 1:3 rwm"), std::string::npos);
    EXPECT_EQ(control("devices", "all", "devices.list").find("a *:*"), std::string::npos);
    const auto usage = containerizer_->usage(run.id);
    ASSERT_TRUE(usage);
    EXPECT_TRUE(usage->has_blkio_statistics());
    EXPECT_TRUE(usage->has_mem_low_pressure_counter());
    EXPECT_TRUE(usage->has_mem_critical_pressure_counter());
    let_go(fifo);
    EXPECT_EQ(run.await_exited().status, 0);
    containerizer_->forget(run.id);
}

TEST_F(LimitsTest, TrafficClassesAreToldAndSurviveTheAgent) {
    options_.isolation.emplace_back("cgroups/net_cls");
    options_.cgroup.net_cls_primary_handle = 0x12;
    options_.cgroup.net_cls_secondary_handles = {0x10, 0x11};
    const std::string fifo = make_fifo("go");
    Task run = launch_waiting(spec("class", ""), fifo);
    const auto started = run.await_started();
    ASSERT_TRUE(started) << started.error().error.text;
    EXPECT_EQ(started->status.cgroup_info().net_cls().classid(), 0x120010u);
    EXPECT_EQ(control("net_cls", "class", "net_cls.classid"), "1179664\n");
    restart();
    std::promise<Exited> ended;
    auto found = containerizer_->recover(
        {run.id}, [&](const ContainerId&, Exited end) { ended.set_value(std::move(end)); });
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1u);
    EXPECT_EQ((*found)[0].status.cgroup_info().net_cls().classid(), 0x120010u);
    Task second = launch(spec("other", "true"));
    EXPECT_EQ(second.await_started()->status.cgroup_info().net_cls().classid(), 0x120011u);
    second.await_exited();
    containerizer_->forget(second.id);
    let_go(fifo);
    ended.get_future().get();
    containerizer_->forget(run.id);
    reap_former_shims();
}

TEST_F(LimitsTest, GpusNeedTheirIsolator) {
    LaunchSpec what = spec("gpu", "true");
    mesos::v1::Resource& resource = *what.resources.Add();
    resource.set_name("gpus");
    resource.mutable_scalar()->set_value(1);
    Task run = launch(what);
    const auto started = run.await_started();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().error.text, "GPUs need the isolator gpu/nvidia in --isolation");
}

/// At which nobody listens, from `first` on; below those that the kernel gives to connections.
std::uint16_t free_port(int first) {
    for (int port = first + ::getpid() % 1000; port < 32'768; ++port) {
        const Descriptor opened(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        if (::bind(opened.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
            return static_cast<std::uint16_t>(port);
    }
    throw std::runtime_error("no port is free");
}

TEST_F(LimitsTest, StrangePortsEndTheContainer) {
    options_.isolation.emplace_back("network/ports");
    options_.ports.enforce = true;
    options_.ports.watch_interval = std::chrono::milliseconds(10);
    const std::uint16_t own = free_port(20'000);
    const std::uint16_t strange = free_port(own + 1);
    options_.ports.isolated_range = {{own, own}, {strange, strange}};
    LaunchSpec good = spec("good", "");
    mesos::v1::Resource& ports = *good.resources.Add();
    ports.set_name("ports");
    ports.set_type(mesos::v1::Value::RANGES);
    ports.mutable_ranges()->add_range()->set_begin(own);
    ports.mutable_ranges()->mutable_range(0)->set_end(own);
    const auto listen = [](int port) {
        return "python3 -c 'import socket,time; s=socket.socket(); "
               "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((\"127.0.0.1\"," +
               std::to_string(port) + ")); s.listen(); print(1,flush=True); time.sleep(1000)'";
    };
    good.command.set_value(listen(own));
    Task honest = launch(good);
    ASSERT_TRUE(honest.await_started());
    Task thief = launch("thief", listen(strange));
    ASSERT_TRUE(thief.await_started());
    const Exited end = thief.await_exited();
    ASSERT_TRUE(end.limit);
    EXPECT_EQ(end.limit->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION);
    EXPECT_NE(end.limit->message.find(std::to_string(strange)), std::string::npos);
    EXPECT_EQ(end.limit->resources.resources(0).ranges().range(0).begin(), strange);
    containerizer_->signal(honest.id, SIGTERM);
    EXPECT_FALSE(honest.await_exited().limit) << "its port is its own";
    containerizer_->forget(thief.id);
    containerizer_->forget(honest.id);
}

}  // namespace
}  // namespace tepui::containerizer
