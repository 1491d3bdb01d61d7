#include <gtest/gtest.h>
#include <linux/filter.h>

#include <filesystem>
#include <fstream>

#include "containerizer/isolators/linux_seccomp/linux_seccomp.h"
#include "containerizer/isolators/linux_seccomp/profile.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_profile = R"({
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
  "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
              {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
  "syscalls": [
    {"names": ["read", "write", "call_of_the_future"], "action": "SCMP_ACT_ALLOW", "args": null},
    {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"name": "ptrace", "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8"}},
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]},
     "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
              {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
    {"names": ["keyctl"], "action": "SCMP_ACT_KILL_PROCESS", "includes": {"arches": ["s390x"]}}
  ]})";

std::vector<std::string> calls(const SeccompProfile& profile) {
    std::vector<std::string> all;
    for (const SeccompRule& rule : profile.rules)
        all.insert(all.end(), rule.calls.begin(), rule.calls.end());
    return all;
}

TEST(SeccompProfileTest, RulesCountByCapabilityKernelAndArchitecture) {
    const auto profile = parse_seccomp_profile(k_profile);
    ASSERT_TRUE(profile) << profile.error().text;
    EXPECT_EQ(profile->default_errno, 38u);
    const std::uint64_t sys_admin = std::uint64_t{1} << 21;
    using Calls = std::vector<std::string>;
    EXPECT_EQ(calls(resolve_profile(*profile, {0, "amd64", "6.1.0"})),
              (Calls{"read", "write", "call_of_the_future", "clone", "personality"}));
    EXPECT_EQ(calls(resolve_profile(*profile, {sys_admin, "amd64", "4.4.0"})),
              (Calls{"read", "write", "call_of_the_future", "mount", "ptrace", "personality"}));
    EXPECT_EQ(calls(resolve_profile(*profile, {0, "s390x", "4.8"})).back(), "keyctl");
}

TEST(SeccompProfileTest, CompilesToTheKernelsInstructions) {
    const auto profile = parse_seccomp_profile(k_profile);
    ASSERT_TRUE(profile);
    const SeccompProfile resolved = resolve_profile(*profile, this_subject(0));
    const auto filter = compile_profile(resolved);
    ASSERT_TRUE(filter) << filter.error().text;
    EXPECT_GT(filter->size(), 8 * sizeof(sock_filter));
    EXPECT_EQ(filter->size() % sizeof(sock_filter), 0u);
}

TEST(SeccompProfileTest, TellsAnOciRuntimeTheSame) {
    const auto profile = parse_seccomp_profile(
        R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["keyctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                          "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_NE"}]}]})");
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile_json(*profile),
              R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],)"
              R"("syscalls":[{"names":["keyctl"],"action":"SCMP_ACT_ERRNO","errnoRet":1,)"
              R"("args":[{"index":1,"value":2,"valueTwo":0,"op":"SCMP_CMP_NE"}]}]})");
    EXPECT_EQ(*parse_seccomp_profile(profile_json(*profile)), *profile);
}

TEST(SeccompProfileTest, BadProfilesSayWhy) {
    struct Row {
        const char* json;
        const char* want;
    };
    const Row rows[] = {
        {"[]", "no JSON object"},
        {"{", "no JSON object"},
        {"{}", "no defaultAction"},
        {R"({"defaultAction": "SCMP_ACT_SHRUG"})", "unknown action 'SCMP_ACT_SHRUG'"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO"}]})",
         "names no system call"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"]}]})",
         "mount: the rule has no action"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW",
             "syscalls": [{"names": ["mounnt"], "action": "SCMP_ACT_ERRNO"}]})",
         "unknown system call 'mounnt'"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"],
             "action": "SCMP_ACT_ERRNO", "args": [{"index": 9, "op": "SCMP_CMP_EQ"}]}]})",
         "the index is 0 to 5"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"],
             "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "op": "SCMP_CMP_ISH"}]}]})",
         "unknown comparison 'SCMP_CMP_ISH'"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]})",
         "unknown architecture 'SCMP_ARCH_Z80'"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"],
             "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_FLY"]}}]})",
         "there is no capability CAP_FLY"},
        {R"({"defaultAction": 1})", "defaultAction: is no text"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.json);
        const auto profile = parse_seccomp_profile(row.json);
        const Result<std::string> made =
            profile ? compile_profile(*profile)
                    : Result<std::string>(std::unexpected(profile.error()));
        ASSERT_FALSE(made);
        EXPECT_NE(made.error().text.find(row.want), std::string::npos) << made.error().text;
    }
}

class LinuxSeccompTest : public ::testing::Test {
protected:
    void SetUp() override {
        dir_ = "/tmp/tepui-seccomp-" + std::to_string(::getpid());
        std::filesystem::create_directories(dir_);
        std::ofstream(dir_ + "/good.json") << k_profile;
        std::ofstream(dir_ + "/bad.json") << "{}";
        options_.security.seccomp_config_dir = dir_;
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    Result<LaunchPlan> prepare(const mesos::v1::SeccompInfo& asked) {
        const cgroups::Groups groups({}, "x", {});
        auto isolator = TEPUI_TRY(make_linux_seccomp({options_, groups, {}}));
        TEPUI_CHECK_OK(isolator->prepare_machine());
        LaunchSpec spec;
        *spec.info.emplace().mutable_linux_info()->mutable_seccomp() = asked;
        LaunchPlan plan;
        TEPUI_CHECK_OK(isolator->prepare({}, spec, plan));
        return plan;
    }

    std::string dir_;
    Options options_;
};

TEST_F(LinuxSeccompTest, TheTasksProfileElseTheDefault) {
    mesos::v1::SeccompInfo asked;
    EXPECT_TRUE(prepare(asked)->seccomp_filter.empty());
    options_.security.seccomp_profile_name = "good.json";
    EXPECT_FALSE(prepare(asked)->seccomp_filter.empty());
    EXPECT_FALSE(prepare(asked)->seccomp.empty());
    asked.set_unconfined(true);
    EXPECT_TRUE(prepare(asked)->seccomp_filter.empty());
    asked.set_profile_name("good.json");
    EXPECT_FALSE(prepare(asked));  // Both.
}

TEST_F(LinuxSeccompTest, ProfilesStayInTheirDirectory) {
    std::ofstream(dir_ + ".json") << k_profile;
    std::filesystem::create_symlink(dir_ + ".json", dir_ + "/link.json");
    for (const char* name : {"../passwd", "/etc/passwd", "link.json", "none.json", "bad.json"}) {
        mesos::v1::SeccompInfo asked;
        asked.set_profile_name(name);
        const auto plan = prepare(asked);
        ASSERT_FALSE(plan) << name;
        EXPECT_NE(plan.error().text.find(std::string("seccomp profile '") + name + "'"),
                  std::string::npos)
            << plan.error().text;
    }
    std::filesystem::remove(dir_ + ".json");
}

TEST_F(LinuxSeccompTest, ABadDefaultEndsTheStart) {
    options_.security.seccomp_profile_name = "bad.json";
    EXPECT_FALSE(prepare({}));
    options_.security.seccomp_config_dir = "/no/such/directory";
    EXPECT_FALSE(prepare({}));
    options_.security.seccomp_config_dir = "";
    EXPECT_FALSE(prepare({}));
}

}  // namespace
}  // namespace tepui::containerizer
