// The pieces that decide without touching the machine.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sys/stat.h>

#include <cstring>

#include "containerizer/beneath.h"
#include "containerizer/host_view.h"
#include "containerizer/isolation.h"
#include "containerizer/launch_plan.h"
#include "containerizer/names.h"
#include "containerizer/status_file.h"

#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // `capability_info`.

namespace tepui::containerizer {
namespace {

TEST(IsolationTest, ReadsNames) {
    const auto isolation = parse_isolation({"cgroups/cpu", "namespaces/pid", "posix/mem"});
    ASSERT_TRUE(isolation);
    EXPECT_EQ(*isolation, (Isolation{.cpu = true, .pid_namespace = true}));
    const auto all = parse_isolation({"cgroups/all", "posix/rlimits"});
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->cpu && all->memory && all->pids && all->devices && all->rlimits);
    EXPECT_FALSE(all->pid_namespace);
}

TEST(IsolationTest, RefusesWithTheReason) {
    struct Row {
        std::vector<std::string> names;
        bool root;
        const char* want;  // Empty: they are taken.
    };
    const Row rows[] = {
        {{"cgroups/mems"}, true, "unknown isolator 'cgroups/mems'; known are: cgroups/all, "},
        {{"com_example_Isolator"}, true, "unknown isolator"},
        {{"filesystem/linux", "filesystem/posix"}, true, "exclude each other"},
        {{"posix/cpu", "cgroups/cpu"}, true, "exclude each other"},
        {{"posix/mem", "cgroups/all"}, true, "exclude each other"},
        {{"disk/xfs", "disk/du"}, true, "exclude each other"},
        {{"docker/runtime"}, true, "needs filesystem/linux: add it"},
        {{"docker/runtime", "filesystem/linux"}, true, ""},
        {{"gpu/nvidia", "cgroups/all"}, true, ""},
        {{"gpu/nvidia"}, true, "needs cgroups/devices"},
        {{"namespaces/ipc", "filesystem/linux"}, true, ""},
        {{"namespaces/ipc", "filesystem/linux"}, false, "namespaces/ipc needs root"},
        {{"linux/nnp", "linux/seccomp"}, false, ""},
        {{"linux/nnp", "linux/nnp"}, true, "named twice"},
        {{"network/port_mapping"}, true, "network/cni"},
        {{"appc/runtime"}, true, "docker/runtime"},
        {{"volume/csi", "filesystem/linux"}, true, "docker/volume"},
        {{"disk/du", "posix/disk"}, true, "both are the same"},
        {{"network/cni"}, true, "network/cni needs filesystem/linux"},
        {{"volume/host_path", "filesystem/posix"}, true, "volume/host_path needs filesystem/linux"},
        {{"volume/secret"}, true, "needs filesystem/linux"},
        {{"linux/devices", "filesystem/linux"}, false, "linux/devices needs root"},
        {{"cgroups/cpu", "cgroups/cpu"}, true, "named twice"},
        {{""}, true, "unknown isolator ''"},
        {{"cgroups/mem "}, true, "unknown isolator 'cgroups/mem '"},
        {{"environment_secret", "posix/cpu", "posix/mem", "posix/disk"}, false, ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.names.front());
        const auto isolation = parse_isolation(row.names, row.root);
        if (*row.want == '\0') {
            EXPECT_TRUE(isolation) << isolation.error().text;
            continue;
        }
        ASSERT_FALSE(isolation);
        EXPECT_EQ(isolation.error().code, Errc::invalid_argument);
        EXPECT_NE(isolation.error().text.find(row.want), std::string::npos)
            << isolation.error().text;
    }
}

TEST(IsolationTest, WhatTheLaunchItselfDoes) {
    for (const char* name : {"cgroups/cpu", "posix/cpu", "filesystem/posix", "posix/rlimits"})
        EXPECT_TRUE(is_woven_in(name)) << name;
    for (const char* name : {"linux/nnp", "network/cni", "no/such"})
        EXPECT_FALSE(is_woven_in(name)) << name;
}

TEST(HostViewTest, NamespacesAndLimits) {
    LaunchSpec spec;
    Isolation isolation{.pid_namespace = true, .mount_namespace = true};
    LaunchPlan plan;
    ASSERT_TRUE(plan_view(spec, isolation, {}, true, "", plan));
    EXPECT_EQ(plan.flags, static_cast<std::uint32_t>(SHIM_NEW_PID_NS | SHIM_NEW_MOUNT_NS));
    plan = {};
    ASSERT_TRUE(plan_view(spec, isolation, {}, false, "", plan));  // Not as root.
    EXPECT_EQ(plan.flags, 0u);
    spec.info.emplace().mutable_linux_info()->set_share_pid_namespace(true);
    ASSERT_TRUE(plan_view(spec, isolation, {}, true, "", plan));
    EXPECT_EQ(plan.flags, static_cast<std::uint32_t>(SHIM_NEW_MOUNT_NS));
    SecurityOptions strict;
    strict.disallow_sharing_agent_pid_namespace = true;
    EXPECT_EQ(plan_view(spec, isolation, strict, true, "", plan).error().code, Errc::denied);
    LaunchPlan nested;
    ASSERT_TRUE(plan_view(spec, isolation, strict, true, "/pod/s", nested));
    EXPECT_EQ(nested.pid_namespace, "/pod/s");
    EXPECT_EQ(nested.flags, static_cast<std::uint32_t>(SHIM_NEW_MOUNT_NS));
    spec.info->mutable_mesos()->mutable_image();
    EXPECT_EQ(plan_view(spec, isolation, {}, true, "/pod/s", nested).error().code,
              Errc::unsupported);
    spec.info->clear_mesos();
    EXPECT_EQ(plan_view(spec, Isolation{}, {}, true, "", plan).error().text,
              "'share_pid_namespace' needs the isolator namespaces/pid in --isolation");
    spec.info.reset();
    spec.rlimits.emplace().add_rlimits()->set_type(mesos::v1::RLimitInfo::RLimit::RLMT_CORE);
    EXPECT_NE(plan_view(spec, isolation, {}, true, "", plan).error().text.find("posix/rlimits"),
              std::string::npos);
    isolation.rlimits = true;
    ASSERT_TRUE(plan_view(spec, isolation, {}, true, "", plan));
    EXPECT_EQ(plan.rlimits.size(), 1u);
}

TEST(HostViewTest, WhatNoIsolatorGivesIsRefusedByItsName) {
    struct Row {
        void (*ask)(mesos::v1::LinuxInfo&);
        const char* isolator;
    };
    const Row rows[] = {
        {[](auto& info) { info.mutable_effective_capabilities(); }, "linux/capabilities"},
        {[](auto& info) { info.mutable_bounding_capabilities(); }, "linux/capabilities"},
        {[](auto& info) { info.mutable_capability_info(); }, "linux/capabilities"},
        {[](auto& info) { info.mutable_seccomp()->set_profile_name("x"); }, "linux/seccomp"},
        {[](auto& info) { info.set_ipc_mode(mesos::v1::LinuxInfo::PRIVATE); }, "namespaces/ipc"},
        {[](auto& info) { info.set_shm_size(1); }, "namespaces/ipc"},
    };
    for (const Row& row : rows) {
        mesos::v1::LinuxInfo info;
        row.ask(info);
        const auto checked = check_linux_info(info, {"linux/nnp"});
        ASSERT_FALSE(checked) << row.isolator;
        EXPECT_NE(checked.error().text.find(row.isolator), std::string::npos);
        EXPECT_TRUE(check_linux_info(info, {row.isolator}));
    }
    mesos::v1::LinuxInfo info;
    info.set_share_cgroups(false);
    info.mutable_seccomp()->set_unconfined(true);
    info.set_ipc_mode(mesos::v1::LinuxInfo::SHARE_PARENT);
    EXPECT_TRUE(check_linux_info(info, {}));
}

TEST(LaunchPlanTest, ArgvOfShellAndProgram) {
    mesos::v1::CommandInfo command;
    EXPECT_FALSE(plan_argv(command));  // No value.
    command.set_value("echo $HOME");
    EXPECT_EQ(*plan_argv(command), (std::vector<std::string>{"/bin/sh", "sh", "-c", "echo $HOME"}));
    command.set_shell(false);
    EXPECT_EQ(*plan_argv(command), (std::vector<std::string>{"echo $HOME", "echo $HOME"}));
    command.add_arguments("name");
    command.add_arguments("x");
    EXPECT_EQ(*plan_argv(command), (std::vector<std::string>{"echo $HOME", "name", "x"}));
    command.add_arguments(std::string("a\0b", 3));
    EXPECT_FALSE(plan_argv(command));
}

TEST(LaunchPlanTest, EnvironmentPrecedence) {
    mesos::v1::CommandInfo command;
    const auto add = [&](const char* name, const char* value) {
        auto* variable = command.mutable_environment()->add_variables();
        variable->set_name(name);
        variable->set_value(value);
    };
    EXPECT_EQ(plan_environment({}, command)->size(), 1u);
    EXPECT_TRUE(plan_environment({}, command)->front().starts_with("PATH=/"));
    add("B", "command");
    EXPECT_EQ(*plan_environment({{"A", "agent"}, {"B", "agent"}, {"PATH", "/p"}}, command),
              (std::vector<std::string>{"A=agent", "B=command", "PATH=/p"}));
    add("BAD=NAME", "x");
    EXPECT_FALSE(plan_environment({}, command));
}

TEST(LaunchPlanTest, ResourceLimits) {
    mesos::v1::RLimitInfo limits;
    auto* limit = limits.add_rlimits();
    limit->set_type(mesos::v1::RLimitInfo::RLimit::RLMT_CORE);
    EXPECT_EQ(plan_rlimits(limits)->front().soft, ~std::uint64_t{0});  // Unlimited.
    limit->set_soft(5);
    EXPECT_FALSE(plan_rlimits(limits));
    limit->set_hard(4);
    EXPECT_FALSE(plan_rlimits(limits));
    limit->set_hard(6);
    EXPECT_EQ(plan_rlimits(limits)->front().hard, 6u);
}

TEST(LaunchPlanTest, EncodesWhatTheShimReads) {
    LaunchPlan plan;
    plan.container = "c";
    plan.argv = {"/bin/x", "x"};
    plan.environment = {"A=b"};
    plan.rlimits = {{1, 0, 2, 3}};
    plan.user = User{"u", 7, 8, {8, 9, 10}};
    const std::string bytes = encode_plan(plan, 3, 4, 5);
    shim_config head{};
    ASSERT_GE(bytes.size(), sizeof head);
    std::memcpy(&head, bytes.data(), sizeof head);
    EXPECT_EQ(head.magic, SHIM_MAGIC);
    EXPECT_EQ(head.flags, static_cast<std::uint32_t>(SHIM_SWITCH_USER));
    EXPECT_EQ(head.groups_count, 3u);
    // Three groups, padded to eight bytes, and one limit.
    EXPECT_EQ(bytes.substr(sizeof head + 16 + sizeof(shim_rlimit)),
              std::string("c\0", 2) + std::string(12, '\0') + std::string("/bin/x\0x\0A=b\0", 13));
}

TEST(LaunchPlanTest, EncodesWhatIsolatorsAdd) {
    LaunchPlan plan;
    plan.container = "c";
    plan.argv = {"/x", "x"};
    plan.sandbox = "/s";
    plan.work_dir = "/w";
    plan.hostname = "h";
    plan.network_namespace = "/n";
    plan.ipc_namespace = "/i";
    plan.mounts = {{.source = "/a", .target = "/b", .type = {}, .flags = 1, .data = "d"}};
    plan.devices = {{.path = "/dev/x", .kind = 'b', .major = 3, .minor = 4, .write = false}};
    plan.capabilities = CapabilityPlan{5, 7};
    plan.no_new_privileges = true;
    plan.oom_score_adj = -9;
    plan.new_ipc_namespace = true;
    plan.seccomp_filter = std::string(16, 'f');
    const std::string bytes = encode_plan(plan, 3, 4, 5);
    shim_config head{};
    std::memcpy(&head, bytes.data(), sizeof head);
    EXPECT_EQ(head.flags, static_cast<std::uint32_t>(SHIM_NEW_MOUNT_NS | SHIM_NEW_IPC_NS |
                                                     SHIM_SET_CAPABILITIES | SHIM_NO_NEW_PRIVS |
                                                     SHIM_SET_OOM_SCORE));
    EXPECT_EQ(head.effective, 5u);
    EXPECT_EQ(head.bounding, 7u);
    EXPECT_EQ(head.oom_score_adj, -9);
    EXPECT_EQ(head.seccomp_count, 2u);
    shim_mount mount{};
    shim_device device{};
    std::size_t at = sizeof head;
    std::memcpy(&mount, bytes.data() + at, sizeof mount);
    std::memcpy(&device, bytes.data() + (at += sizeof mount), sizeof device);
    EXPECT_EQ(mount.flags, 1u);
    EXPECT_EQ(mount.recursive, 1u);
    EXPECT_EQ(device.mode, static_cast<std::uint32_t>(S_IFBLK | 0444));
    EXPECT_EQ(device.major, 3u);
    const char strings[] = "c\0\0\0/s\0/w\0h\0/n\0/i\0\0\0\0\0\0/x\0x\0/a\0/b\0\0d\0/dev/x";
    EXPECT_EQ(bytes.substr(at + sizeof device + 16), std::string(strings, sizeof strings));
}

TEST(LaunchPlanTest, AJoinedPidNamespaceIsNotMade) {
    LaunchPlan plan;
    plan.flags = SHIM_NEW_PID_NS;
    plan.pid_namespace = "/p";
    plan.argv = {"/x", "x"};
    const std::string bytes = encode_plan(plan, 3, 4, 5);
    shim_config head{};
    std::memcpy(&head, bytes.data(), sizeof head);
    EXPECT_EQ(head.flags, static_cast<std::uint32_t>(SHIM_NEW_MOUNT_NS));
}

TEST(NamesTest, HarmlessAndOddIds) {
    EXPECT_EQ(short_name(ContainerId("6b46c741-0e14-4300-ac78-dca8aa94736f")),
              "6b46c741-0e14-4300-ac78-dca8aa94736f");
    for (const char* id : {"", "..", "a/b", "a.b", "0123456789012345678901234567890123456"}) {
        SCOPED_TRACE(id);
        const std::string name = short_name(ContainerId(id));
        EXPECT_TRUE(name.starts_with("="));
        EXPECT_LE(name.size(), k_short_name_max);
    }
    // Part of what is on disk: a later version must find it.
    EXPECT_EQ(short_name(ContainerId("a/b")), short_name(ContainerId("a/b")));
    EXPECT_NE(short_name(ContainerId("a/b")), short_name(ContainerId("a/c")));
}

TEST(PathTest, CleanPath) {
    EXPECT_EQ(*clean_path("./a//b/./c/"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(*clean_path("..a/b.."), (std::vector<std::string>{"..a", "b.."}));
    for (const char* path : {"", "/a", "a/../b", "..", "a/.."})
        EXPECT_FALSE(clean_path(path)) << path;
}

TEST(StatusTest, ReadsTheFile) {
    const auto status = parse_status(
        "tepui-status 1\nstatus 9\noom 1\nmemory_limit 67108864\n"
        "memory_peak 66060288\nlater thing\nmemory_stat\ncache 0\nrss 5\n");
    ASSERT_TRUE(status);
    const Exited exited = to_exited(*status);
    EXPECT_EQ(exited.status, 9);
    ASSERT_TRUE(exited.limit);
    EXPECT_EQ(exited.limit->message,
              "Memory limit exceeded: Requested: 64MB Maximum Used: 63MB\n\nMEMORY STATISTICS: \n"
              "cache 0\nrss 5\n\n");
    const auto failed = parse_status("tepui-status 1\nfailed 6 1\n");
    ASSERT_TRUE(failed && failed->failed_stage);
    EXPECT_EQ(failure_text(*failed->failed_stage, failed->failed_errno),
              "cannot set the task's resource limits: Operation not permitted");
    const auto mount = parse_status("tepui-status 1\nfailed 4 2 /a b\n");
    ASSERT_TRUE(mount && mount->failed_stage);
    EXPECT_EQ(failure_text(*mount->failed_stage, mount->failed_errno, mount->failed_what),
              "cannot mount what the task is to see ('/a b'): No such file or directory");
    EXPECT_FALSE(parse_status(""));
    EXPECT_FALSE(parse_status("tepui-status 2\nstatus 0\n"));
    EXPECT_FALSE(parse_status("tepui-status 1\nstatus x\n"));
}

RC_GTEST_PROP(StatusTest, AnyBytesAreReadOrRefused, (const std::string& bytes)) {
    (void)parse_status(bytes);
    (void)parse_status("tepui-status 1\n" + bytes);
}

RC_GTEST_PROP(PathTest, NoCleanPathLeadsOut, (const std::vector<std::string>& raw)) {
    std::string path;
    for (const std::string& part : raw) path += part + (part.size() % 2 == 0 ? "/" : "/../");
    if (const auto parts = clean_path(path))
        for (const std::string& part : *parts)
            RC_ASSERT(part != ".." && part != "." && !part.empty() &&
                      part.find('/') == std::string::npos);
}

}  // namespace
}  // namespace tepui::containerizer
