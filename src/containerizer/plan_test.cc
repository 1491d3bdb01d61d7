// The pieces that decide without touching the machine.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "containerizer/beneath.h"
#include "containerizer/isolation.h"
#include "containerizer/launch_plan.h"
#include "containerizer/names.h"
#include "containerizer/status_file.h"

namespace tepui::containerizer {
namespace {

TEST(IsolationTest, ReadsNames) {
    const auto isolation = parse_isolation({"cgroups/cpu", "namespaces/pid", "posix/mem"});
    ASSERT_TRUE(isolation);
    EXPECT_EQ(*isolation, (Isolation{.cpu = true, .pid_namespace = true}));
    EXPECT_EQ(*parse_isolation({"cgroups/all"}),
              (Isolation{.cpu = true, .memory = true, .pids = true}));
    EXPECT_EQ(parse_isolation({"cgroups/mems"}).error().code, Errc::invalid_argument);
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
              std::string("c\0\0\0/bin/x\0x\0A=b\0", 17));
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
