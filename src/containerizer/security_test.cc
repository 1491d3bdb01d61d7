// What a task may do and what it sees of the machine: real shims, looked at from inside.

#include <signal.h>
#include <sys/mount.h>

#include <sstream>

#include "containerizer/containerizer_fixture.h"
#include "containerizer/isolators/linux_capabilities/linux_capabilities.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::CapabilityInfo;
using mesos::v1::LinuxInfo;

constexpr std::uint64_t k_chown = 1u << 0;
constexpr std::uint64_t k_net_raw = 1u << 13;

/// Denies what a task has no business with; everything else is allowed.
constexpr const char* k_profile = R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})";

class SecurityTest : public ContainerizerTest {
protected:
    void isolate(std::initializer_list<const char*> more) {
        for (const char* name : more) options_.isolation.emplace_back(name);
    }

    static LinuxInfo& linux_info(LaunchSpec& what) {
        if (!what.info) what.info.emplace();
        what.info->set_type(mesos::v1::ContainerInfo::MESOS);
        return *what.info->mutable_linux_info();
    }

    /// The numbers of /proc/self/status, as a program that the task's shell executes has them.
    struct Privileges {
        std::uint64_t effective = 0;
        std::uint64_t permitted = 0;
        std::uint64_t bounding = 0;
        std::uint64_t ambient = 0;
        int no_new_privileges = -1;
        int seccomp = -1;
    };
    Privileges privileges_of(const std::string& id) const {
        Privileges found;
        std::istringstream text(out(id));
        for (std::string key; text >> key;) {
            if (key == "CapEff:") text >> std::hex >> found.effective >> std::dec;
            if (key == "CapPrm:") text >> std::hex >> found.permitted >> std::dec;
            if (key == "CapBnd:") text >> std::hex >> found.bounding >> std::dec;
            if (key == "CapAmb:") text >> std::hex >> found.ambient >> std::dec;
            if (key == "NoNewPrivs:") text >> found.no_new_privileges;
            if (key == "Seccomp:") text >> found.seccomp;
        }
        return found;
    }
    Privileges run_and_look(LaunchSpec what) {
        what.command.set_value("cat /proc/self/status");
        EXPECT_EQ(run(what).status, 0) << err(what.container.value);
        return privileges_of(what.container.value);
    }

    std::string write_profile(const std::string& name, const std::string& text) {
        options_.security.seccomp_config_dir = base_ + "/profiles";
        std::filesystem::create_directories(options_.security.seccomp_config_dir);
        std::ofstream(options_.security.seccomp_config_dir + "/" + name) << text;
        return name;
    }

    std::string launch_error(LaunchSpec what) {
        const auto started = launch(std::move(what)).await_started();
        EXPECT_FALSE(started);
        return started ? "" : started.error().error.text;
    }
};

TEST_F(SecurityTest, WithoutIsolatorsRootHasAllThatTheAgentHas) {
    const Privileges found = run_and_look(spec("default", ""));
    EXPECT_EQ(found.effective, *own_capabilities());
    EXPECT_EQ(found.no_new_privileges, 0);
    EXPECT_EQ(found.seccomp, 0);
}

TEST_F(SecurityTest, CapabilitiesOfRootAndOthers) {
    isolate({"linux/capabilities"});
    for (const char* user : {"", "nobody"}) {
        SCOPED_TRACE(user);
        LaunchSpec what = spec(std::string("caps") + user, "");
        what.user = user;
        linux_info(what).mutable_effective_capabilities()->add_capabilities(CapabilityInfo::CHOWN);
        auto& bounding = *linux_info(what).mutable_bounding_capabilities();
        bounding.add_capabilities(CapabilityInfo::CHOWN);
        bounding.add_capabilities(CapabilityInfo::NET_RAW);
        const Privileges found = run_and_look(what);
        EXPECT_EQ(found.effective, k_chown);
        EXPECT_EQ(found.permitted, k_chown);
        EXPECT_EQ(found.ambient, k_chown);
        EXPECT_EQ(found.bounding, k_chown | k_net_raw);
    }
}

TEST_F(SecurityTest, CapabilitiesOfTheFlags) {
    isolate({"linux/capabilities"});
    options_.security.bounding_capabilities = k_net_raw;
    Privileges found = run_and_look(spec("root", ""));
    EXPECT_EQ(found.effective, k_net_raw);
    EXPECT_EQ(found.bounding, k_net_raw);
    LaunchSpec other = spec("other", "");
    other.user = "nobody";
    found = run_and_look(other);
    EXPECT_EQ(found.effective, 0u);
    EXPECT_EQ(found.bounding, k_net_raw);
    LaunchSpec more = spec("more", "true");
    linux_info(more).mutable_effective_capabilities()->add_capabilities(CapabilityInfo::SYS_ADMIN);
    EXPECT_NE(launch_error(more).find("SYS_ADMIN"), std::string::npos);
}

TEST_F(SecurityTest, ARootWithoutCapabilitiesHasNotTheMachine) {
    isolate({"linux/capabilities", "linux/nnp"});
    const std::string file = base_ + "/of-nobody";
    std::ofstream(file) << "x";
    ::chmod(file.c_str(), 0600);
    ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
    // Only opened: what is refused must not be what a failing test breaks.
    LaunchSpec what =
        spec("escape", "cat " + file +
                           " && exit 1; mount -t tmpfs none /mnt && exit 2; "
                           "cat /proc/1/environ && exit 3; readlink /proc/1/fd/0 && exit 4; "
                           "mknod node c 1 3 && exit 5; chroot / true && exit 6; "
                           "test -w /proc/sys/kernel/core_pattern && exit 7; "
                           "test -w /proc/sysrq-trigger && exit 8; exit 0");
    linux_info(what).mutable_effective_capabilities();
    EXPECT_EQ(run(what).status, 0) << out("escape");
}

TEST_F(SecurityTest, NoNewPrivileges) {
    isolate({"linux/nnp"});
    EXPECT_EQ(run_and_look(spec("nnp", "")).no_new_privileges, 1);
}

TEST_F(SecurityTest, SystemCallFilterOfRootAndOthers) {
    isolate({"linux/seccomp"});
    options_.security.seccomp_profile_name = write_profile("p.json", k_profile);
    for (const char* user : {"", "nobody"}) {
        SCOPED_TRACE(user);
        LaunchSpec what = spec(std::string("seccomp") + user, "mkdir x");
        what.user = user;
        EXPECT_NE(run(what).status, 0);
        EXPECT_NE(err(what.container.value).find("Function not implemented"), std::string::npos);
        what = spec(std::string("look") + user, "");
        what.user = user;
        const Privileges found = run_and_look(what);
        EXPECT_EQ(found.seccomp, 2);
        EXPECT_EQ(found.no_new_privileges, 0);
        EXPECT_EQ(found.effective, *user == 0 ? *own_capabilities() : 0);
        EXPECT_EQ(found.permitted, *user == 0 ? *own_capabilities() : 0);
    }
    LaunchSpec open = spec("unconfined", "mkdir x");
    linux_info(open).mutable_seccomp()->set_unconfined(true);
    EXPECT_EQ(run(open).status, 0);
}

TEST_F(SecurityTest, FilterCapabilitiesAndNoNewPrivilegesTogether) {
    isolate({"linux/capabilities", "linux/seccomp", "linux/nnp"});
    write_profile("p.json", k_profile);
    LaunchSpec what = spec("all", "");
    what.user = "nobody";
    linux_info(what).mutable_seccomp()->set_profile_name("p.json");
    linux_info(what).mutable_effective_capabilities()->add_capabilities(CapabilityInfo::CHOWN);
    const Privileges found = run_and_look(what);
    EXPECT_EQ(found.seccomp, 2);
    EXPECT_EQ(found.no_new_privileges, 1);
    EXPECT_EQ(found.effective, k_chown);
}

TEST_F(SecurityTest, ABadProfileEndsTheLaunchWithItsReason) {
    isolate({"linux/seccomp"});
    write_profile("bad.json", R"({"defaultAction": "SCMP_ACT_SHRUG"})");
    LaunchSpec what = spec("bad", "true");
    linux_info(what).mutable_seccomp()->set_profile_name("bad.json");
    EXPECT_EQ(launch_error(what), "seccomp profile 'bad.json': unknown action 'SCMP_ACT_SHRUG'");
}

TEST_F(SecurityTest, DevicesHaveTheRightsOfTheFlag) {
    isolate({"linux/devices"});
    options_.cgroup.allowed_devices = {{.path = "/dev/full", .read = true}};
    LaunchSpec what = spec("device", "ls -l /dev/full | cut -c1-10; head -c1 /dev/full | wc -c");
    what.user = "nobody";
    EXPECT_EQ(run(what).status, 0) << err("device");
    EXPECT_EQ(out("device"), "cr--r--r--\n1\n");
    struct stat host{};
    ASSERT_EQ(::stat("/dev/full", &host), 0);
    EXPECT_NE(host.st_mode & 0777, 0444u);  // The host's own is as it was.
}

TEST_F(SecurityTest, SharedMemoryOfItsOwn) {
    isolate({"namespaces/ipc"});
    LaunchSpec what =
        spec("ipc", "readlink /proc/self/ns/ipc; df -k /dev/shm | tail -1; ls -A /dev/shm");
    linux_info(what).set_shm_size(3);
    std::ofstream("/dev/shm/tepui-test-of-the-host") << "x";
    EXPECT_EQ(run(what).status, 0) << err("ipc");
    std::filesystem::remove("/dev/shm/tepui-test-of-the-host");
    const std::string own = std::filesystem::read_symlink("/proc/self/ns/ipc").string();
    EXPECT_EQ(out("ipc").find(own), std::string::npos);
    EXPECT_NE(out("ipc").find(" 3072 "), std::string::npos) << out("ipc");
    EXPECT_EQ(out("ipc").find("tepui-test-of-the-host"), std::string::npos);
    // The mounts that it was kept by are gone.
    EXPECT_EQ(read("/proc/self/mounts").find(options_.runtime_dir), std::string::npos);
}

TEST_F(SecurityTest, MembersOfAPodShareItsMemory) {
    isolate({"namespaces/ipc"});
    LaunchSpec pod = spec("pod", "");
    pod.hold = true;
    pod.sandbox = options_.work_dir + "/slaves/a/frameworks/f/executors/e/runs/pod";
    Task held = launch(pod);
    ASSERT_TRUE(held.await_started());
    const auto member = [&](const std::string& id, const std::string& command) {
        LaunchSpec what = spec(id, command);
        what.sandbox = pod.sandbox + "/containers/" + id;
        what.parent = pod.container;
        what.share_cgroups = true;
        return what;
    };
    EXPECT_EQ(run(member("a", "echo of a > /dev/shm/x; readlink /proc/self/ns/ipc")).status, 0);
    EXPECT_EQ(run(member("b", "cat /dev/shm/x")).status, 0);
    EXPECT_EQ(read(pod.sandbox + "/containers/b/stdout"), "of a\n");
    LaunchSpec apart = member("c", "cat /dev/shm/x");
    linux_info(apart).set_ipc_mode(LinuxInfo::PRIVATE);
    EXPECT_NE(run(apart).status, 0);
    containerizer_->destroy(held.id);
    held.await_exited();
    containerizer_->forget(held.id);
    EXPECT_EQ(read("/proc/self/mounts").find(options_.runtime_dir), std::string::npos);
}

TEST_F(SecurityTest, MembersOfAPodSeeOneAnother) {
    LaunchSpec pod = spec("pod", "");
    pod.hold = true;
    Task held = launch(pod);
    ASSERT_TRUE(held.await_started());
    const auto member = [&](const std::string& id, const std::string& command) {
        LaunchSpec what = spec(id, command);
        what.sandbox = pod.sandbox + "/containers/" + id;
        what.parent = pod.container;
        linux_info(what).set_share_pid_namespace(true);
        return what;
    };
    const std::string fifo = make_fifo("ready");
    // Its child outlives it as far as the shell is concerned, and ends with it all the same.
    Task first = launch(member(
        "first", "setsid sleep 4321 & readlink /proc/self/ns/pid > " + fifo + "; exec sleep 4322"));
    ASSERT_TRUE(first.await_started());
    const std::string pids = await_line(fifo);
    EXPECT_NE(pids, std::filesystem::read_symlink("/proc/self/ns/pid").string());
    EXPECT_EQ(run(member("second",
                         "readlink /proc/self/ns/pid; cat /proc/[0-9]*/cmdline | tr '\\0' ' ';"
                         "test $(ls -d /proc/[0-9]* | wc -l) -lt 12"))
                  .status,
              0);
    const std::string seen = read(pod.sandbox + "/containers/second/stdout");
    EXPECT_NE(seen.find(pids), std::string::npos) << seen;
    EXPECT_NE(seen.find("sleep 4321"), std::string::npos) << seen;
    EXPECT_NE(seen.find("sleep 4322"), std::string::npos) << seen;
    containerizer_->destroy(first.id);
    EXPECT_EQ(first.await_exited().status, SIGKILL);
    containerizer_->forget(first.id);
    EXPECT_EQ(run(member("third", "setsid sleep 4323 & exit 3")).status, 3 << 8);
    EXPECT_EQ(
        run(member("fourth", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 43[2]'"))
            .status,
        1 << 8)
        << read(pod.sandbox + "/containers/fourth/stdout");
    Task last =
        launch(member("last", "trap 'exit 5' TERM; sleep 1000 & echo up > " + fifo + "; wait"));
    ASSERT_TRUE(last.await_started());
    EXPECT_EQ(await_line(fifo), "up");
    containerizer_->signal(last.id, SIGTERM);
    EXPECT_EQ(last.await_exited().status, 5 << 8);
    containerizer_->forget(last.id);
    containerizer_->destroy(held.id);
    held.await_exited();
    containerizer_->forget(held.id);
}

TEST_F(SecurityTest, SharingTheAgentsPidNamespace) {
    LaunchSpec what = spec("pids", "readlink /proc/self/ns/pid");
    linux_info(what).set_share_pid_namespace(true);
    EXPECT_EQ(run(what).status, 0);
    EXPECT_EQ(out("pids"), std::filesystem::read_symlink("/proc/self/ns/pid").string() + "\n");
    containerizer_.reset();
    options_.security.disallow_sharing_agent_pid_namespace = true;
    what = spec("forbidden", "true");
    linux_info(what).set_share_pid_namespace(true);
    EXPECT_NE(launch_error(what).find("--disallow_sharing_agent_pid_namespace"), std::string::npos);
}

}  // namespace
}  // namespace tepui::containerizer
