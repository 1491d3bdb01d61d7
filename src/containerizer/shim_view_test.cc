// What the shim makes of a plan's mounts, names and namespaces: one task each, run without a
// containerizer around it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "containerizer/spawn.h"
#include "containerizer/status_file.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

/// With a pid namespace (and the shim's init, which then sets everything up) and without.
class ShimViewTest : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        ASSERT_EQ(::geteuid(), 0u) << "these tests make namespaces: run them as root";
        static std::atomic<int> count = 0;
        base_ = fmt::format("/tmp/tepui-sv-{}-{}", ::getpid(), count++);
        sandbox_ = base_ + "/work/sandbox";
        for (const std::string& path : {sandbox_, base_ + "/data", base_ + "/place"})
            fs::create_directories(path);
        write(base_ + "/data/file", "of the host\n");
    }
    void TearDown() override {
        EXPECT_EQ(read("/proc/self/mounts").find(base_), std::string::npos) << "a mount is left";
        fs::remove_all(base_);
    }

    struct End {
        Status status;
        std::string out;
        std::string err;
        bool ran() const { return !status.failed_stage; }
        std::string failure() const {
            return failure_text(status.failed_stage.value_or(SHIM_STAGE_NONE), status.failed_errno,
                                status.failed_what);
        }
    };
    /// A shim that was started, and the connection that obeys this test.
    struct Running {
        pid_t pid = -1;
        Descriptor connection;
        std::string runtime;
        std::string socket() const { return runtime + "/" SHIM_SOCKET_NAME; }
    };
    Running start(LaunchPlan plan, const std::string& command) {
        plan.container = "t";
        plan.argv = {"/bin/sh", "sh", "-c", command};
        plan.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
        plan.sandbox = sandbox_;
        plan.work_dir = base_ + "/work";
        if (GetParam() && (plan.flags & SHIM_HOLD) == 0) plan.flags |= SHIM_NEW_PID_NS;
        Running running;
        running.runtime = fmt::format("{}/run{}", base_, runs_++);
        fs::create_directories(running.runtime);
        const Descriptor runtime_fd(
            ::open(running.runtime.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        const Descriptor sandbox_fd(::open(sandbox_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        auto spawned =
            spawn_shim(TEPUI_SHIM_PATH, plan, running.runtime, runtime_fd.get(), sandbox_fd.get());
        if (!spawned) {
            ADD_FAILURE() << spawned.error().text;
            return running;
        }
        running.pid = spawned->pid;
        running.connection = std::move(spawned->connection);
        return running;
    }
    End finish(const Running& running) {
        EXPECT_EQ(::waitpid(running.pid, nullptr, 0), running.pid);
        const auto status = parse_status(read(running.runtime + "/status"));
        EXPECT_TRUE(status) << "the shim left no status";
        End end{status.value_or(Status{}), read(sandbox_ + "/stdout"), read(sandbox_ + "/stderr")};
        for (const char* log : {"/stdout", "/stderr"}) fs::remove(sandbox_ + log);
        return end;
    }
    End run(const LaunchPlan& plan, const std::string& command) {
        return finish(start(plan, command));
    }

    static MountPlan bind(const std::string& source, const std::string& target,
                          std::uint64_t flags = 0) {
        return {.source = source, .target = target, .type = {}, .flags = flags, .data = {}};
    }

    std::string base_;
    std::string sandbox_;
    int runs_ = 0;
};

INSTANTIATE_TEST_SUITE_P(PidNamespace, ShimViewTest, ::testing::Bool());

TEST_P(ShimViewTest, BindMountsOfDirectoriesAndFiles) {
    LaunchPlan plan;
    write(base_ + "/place/one", "");
    plan.mounts = {bind(base_ + "/data/file", base_ + "/place/one"),
                   bind(base_ + "/data", sandbox_ + "/in")};
    fs::create_directories(sandbox_ + "/in");
    const End end = run(plan, "cat " + base_ + "/place/one; cat in/file; echo new > in/made");
    EXPECT_EQ(end.status.wait_status, 0) << end.failure() << end.err;
    EXPECT_EQ(end.out, "of the host\nof the host\n");
    EXPECT_EQ(read(base_ + "/data/made"), "new\n");
    EXPECT_EQ(read(base_ + "/place/one"), "");  // The host sees nothing of it.
}

TEST_P(ShimViewTest, ReadOnlyHoldsForWhatIsMountedBeneath) {
    fs::create_directories(base_ + "/data/sub");
    ASSERT_EQ(::mount("tmpfs", (base_ + "/data/sub").c_str(), "tmpfs", 0, nullptr), 0);
    LaunchPlan plan;
    plan.mounts = {bind(base_ + "/data", base_ + "/place", MS_RDONLY)};
    const std::string place = base_ + "/place";
    End end = run(plan, "cat " + place + "/file; touch " + place + "/x; touch " + place +
                            "/sub/x; mount -o remount,rw,bind " + place + " && exit 9; true");
    EXPECT_EQ(end.out, "of the host\n");
    EXPECT_FALSE(fs::exists(base_ + "/data/x"));
    EXPECT_FALSE(fs::exists(base_ + "/data/sub/x"));
    plan.mounts[0].recursive = false;
    plan.mounts[0].flags = 0;
    end = run(plan, "touch " + place + "/sub/under");
    EXPECT_TRUE(end.ran());
    ::umount2((base_ + "/data/sub").c_str(), MNT_DETACH);
    EXPECT_TRUE(fs::exists(base_ + "/data/sub/under"));
}

TEST_P(ShimViewTest, OtherFileSystemsWithTheirOptions) {
    LaunchPlan plan;
    plan.mounts = {{.source = "tmpfs",
                    .target = base_ + "/place",
                    .type = "tmpfs",
                    .flags = MS_NOSUID | MS_NOEXEC,
                    .data = "size=1m,mode=0711"}};
    const End end = run(plan, "df -k " + base_ + "/place | tail -1; stat -c %a " + base_ +
                                  "/place; grep " + base_ + "/place /proc/self/mounts");
    EXPECT_NE(end.out.find(" 1024 "), std::string::npos) << end.out;
    EXPECT_NE(end.out.find("711\n"), std::string::npos);
    EXPECT_NE(end.out.find("nosuid,noexec"), std::string::npos);
}

TEST_P(ShimViewTest, LinksThatATaskPlantedLeadNowhere) {
    fs::create_directory_symlink(base_ + "/place", sandbox_ + "/link");
    fs::create_directories(sandbox_ + "/real");
    LaunchPlan plan;
    for (const std::string& target : {sandbox_ + "/link", sandbox_ + "/../../place"}) {
        plan.mounts = {bind(base_ + "/data", target)};
        const End end = run(plan, "true");
        ASSERT_FALSE(end.ran()) << target;
        EXPECT_EQ(end.status.failed_stage, SHIM_STAGE_MOUNT);
        EXPECT_EQ(end.status.failed_what, target);
    }
    plan.mounts = {bind(sandbox_ + "/link", sandbox_ + "/real")};
    const End end = run(plan, "true");
    ASSERT_FALSE(end.ran());
    EXPECT_EQ(end.failure(), fmt::format("cannot mount what the task is to see ('{}/link'): {}",
                                         sandbox_, errno_text(ELOOP)));
}

TEST_P(ShimViewTest, AVolumeOverTheSandboxesParentLeavesTheSandbox) {
    LaunchPlan plan;
    plan.mounts = {{.source = "tmpfs", .target = base_, .type = "tmpfs", .flags = 0, .data = {}}};
    const End end = run(plan, "echo hello > here; ls " + base_);
    EXPECT_EQ(end.status.wait_status, 0) << end.failure() << end.err;
    EXPECT_EQ(read(sandbox_ + "/here"), "hello\n");
    EXPECT_EQ(end.out, "");
}

TEST_P(ShimViewTest, PropagationIsAsked) {
    const std::string shared = base_ + "/data";
    ASSERT_EQ(::mount("tmpfs", shared.c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(::mount(nullptr, shared.c_str(), nullptr, MS_SHARED, nullptr), 0);
    for (const std::uint64_t flags : {std::uint64_t{0}, std::uint64_t{MS_SHARED}}) {
        SCOPED_TRACE(flags);
        LaunchPlan plan;
        plan.mounts = {bind(shared, base_ + "/place", flags)};
        const std::string inner = base_ + "/place/in";
        const End end = run(plan, "mkdir -p " + inner + " && mount -t tmpfs none " + inner);
        EXPECT_EQ(end.status.wait_status, 0) << end.err;
        const bool seen = read("/proc/self/mounts").find(shared + "/in") != std::string::npos;
        EXPECT_EQ(seen, flags == MS_SHARED);
    }
    ::umount2((shared + "/in").c_str(), MNT_DETACH);
    ::umount2(shared.c_str(), MNT_DETACH);
}

TEST_P(ShimViewTest, HostNameIsTheTasksAlone) {
    LaunchPlan plan;
    plan.hostname = "of-the-task";
    EXPECT_EQ(run(plan, "cat /proc/sys/kernel/hostname").out, "of-the-task\n");
    EXPECT_NE(read("/proc/sys/kernel/hostname"), "of-the-task\n");
}

TEST_P(ShimViewTest, NamespacesByPath) {
    const std::string path = base_ + "/net";
    write(path, "");
    std::string id;
    std::thread([&] {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        id = fs::read_symlink("/proc/thread-self/ns/net").string();
        ASSERT_EQ(::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr), 0);
    }).join();
    LaunchPlan plan;
    plan.network_namespace = path;
    EXPECT_EQ(run(plan, "readlink /proc/self/ns/net").out, id + "\n");
    ::umount2(path.c_str(), MNT_DETACH);
    plan.network_namespace = base_ + "/no-such";
    const End end = run(plan, "true");
    EXPECT_EQ(end.failure(), fmt::format("cannot enter the task's namespaces ('{}/no-such'): {}",
                                         base_, errno_text(ENOENT)));
}

TEST_P(ShimViewTest, MembersOfAPodShareItsPidNamespace) {
    LaunchPlan hold;
    hold.flags = SHIM_HOLD;
    const Running pod = start(hold, "");
    LaunchPlan member;
    member.pid_namespace = pod.socket();
    const std::string fifo = base_ + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const auto line_of_fifo = [&] {
        std::ifstream file(fifo);
        std::string line;
        std::getline(file, line);
        return line;
    };
    const Running first = start(
        member, "setsid sleep 4321 & readlink /proc/self/ns/pid > " + fifo + "; exec sleep 4322");
    const std::string id = line_of_fifo();
    EXPECT_NE(id, fs::read_symlink("/proc/self/ns/pid").string());
    const std::string look = "readlink /proc/self/ns/pid; cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
    End end = run(member, look);
    EXPECT_EQ(end.status.wait_status, 0) << end.failure();
    EXPECT_NE(end.out.find(id), std::string::npos) << end.out;
    EXPECT_NE(end.out.find("sleep 4321"), std::string::npos) << end.out;
    // What left its parents ends with the member all the same, killed or not.
    ASSERT_TRUE(send_signal(first.connection.get(), SIGKILL));
    EXPECT_EQ(finish(first).status.wait_status, SIGKILL);
    EXPECT_EQ(run(member, "setsid sleep 4323 & exit 3").status.wait_status, 3 << 8);
    end = run(member, look);
    EXPECT_EQ(end.out.find("sleep 43"), std::string::npos) << end.out;
    // A polite end reaches everybody in it, and nobody else.
    const Running polite =
        start(member, "trap 'exit 5' TERM; sleep 1000 & echo up > " + fifo + "; wait");
    EXPECT_EQ(line_of_fifo(), "up");
    ASSERT_TRUE(send_signal(polite.connection.get(), SIGTERM));
    EXPECT_EQ(finish(polite).status.wait_status, 5 << 8);
    ASSERT_TRUE(send_signal(pod.connection.get(), SIGKILL));
    EXPECT_EQ(finish(pod).status.wait_status, SIGKILL);
    EXPECT_EQ(run(member, "true").status.failed_stage, SHIM_STAGE_NAMESPACE);  // It is gone.
}

TEST_P(ShimViewTest, IpcNamespaceAndOomScore) {
    LaunchPlan plan;
    plan.new_ipc_namespace = true;
    plan.oom_score_adj = 777;
    const End end = run(plan, "cat /proc/self/oom_score_adj; readlink /proc/self/ns/ipc");
    EXPECT_TRUE(end.out.starts_with("777\nipc:")) << end.failure();
    EXPECT_EQ(end.out.find(fs::read_symlink("/proc/self/ns/ipc").string()), std::string::npos);
}

/// Of /proc/self/status as a program has it that the task's shell executed.
std::uint64_t number(const std::string& status, const std::string& key) {
    const std::size_t at = status.find(key + ":\t");
    return at == std::string::npos ? ~std::uint64_t{0}
                                   : std::stoull(status.substr(at + key.size() + 2), nullptr, 16);
}

TEST_P(ShimViewTest, CapabilitiesOfRootAndOthers) {
    constexpr std::uint64_t k_chown = 1;
    constexpr std::uint64_t k_net_raw = 1u << 13;
    for (const uid_t user : {0u, 65534u}) {
        for (const bool all : {false, true}) {
            SCOPED_TRACE(fmt::format("{} {}", user, all));
            LaunchPlan plan;
            if (user != 0) plan.user = User{"other", user, user, {}};
            const std::uint64_t effective = k_chown | (all ? k_net_raw : 0);
            plan.capabilities = CapabilityPlan{effective, k_chown | k_net_raw};
            const End end = run(plan, "cat /proc/self/status");
            EXPECT_TRUE(end.ran()) << end.failure();
            for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"})
                EXPECT_EQ(number(end.out, set), effective) << set;
            EXPECT_EQ(number(end.out, "CapBnd"), k_chown | k_net_raw);
        }
    }
}

TEST_P(ShimViewTest, AFilterWithAndWithoutNewPrivileges) {
    // Everything but chroot(2), which has no rights of its own to fail for before.
    const sock_filter instructions[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chroot, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    for (const uid_t user : {0u, 65534u}) {
        for (const bool nnp : {false, true}) {
            SCOPED_TRACE(fmt::format("{} {}", user, nnp));
            LaunchPlan plan;
            if (user != 0) plan.user = User{"other", user, user, {}};
            plan.no_new_privileges = nnp;
            plan.seccomp_filter.assign(reinterpret_cast<const char*>(instructions),
                                       sizeof instructions);
            const End end = run(plan, "cat /proc/self/status; LC_ALL=C chroot /");
            EXPECT_TRUE(end.ran()) << end.failure();
            EXPECT_EQ(number(end.out, "Seccomp"), 2u);
            EXPECT_EQ(number(end.out, "NoNewPrivs"), nnp ? 1u : 0u);
            if (user != 0) EXPECT_EQ(number(end.out, "CapPrm"), 0u);  // None is left over.
            EXPECT_NE(end.err.find("Function not implemented"), std::string::npos) << end.err;
        }
    }
}

TEST_P(ShimViewTest, DevicesWithRightsOfTheirOwn) {
    LaunchPlan plan;
    plan.user = User{"other", 65534, 65534, {}};
    plan.devices = {{.path = "/dev/full", .kind = 'c', .major = 1, .minor = 7, .write = false}};
    const End end = run(plan, "stat -c %A /dev/full; head -c1 /dev/full | wc -c; ls -d /proc/self");
    EXPECT_EQ(end.out, "cr--r--r--\n1\n/proc/self\n") << end.failure() << end.err;
    plan.devices[0].path = "/dev/no-such";
    EXPECT_EQ(run(plan, "true").failure(),
              "cannot give the task its devices ('/dev/no-such'): No such file or directory");
}

TEST_P(ShimViewTest, TextsWithLineEndsStayInTheirLine) {
    LaunchPlan plan;
    plan.mounts = {bind(base_ + "/a\nstatus 0", base_ + "/place")};
    const End end = run(plan, "true");
    EXPECT_FALSE(end.status.wait_status);
    EXPECT_EQ(end.status.failed_what, base_ + "/a?status 0");
}

}  // namespace
}  // namespace tepui::containerizer
