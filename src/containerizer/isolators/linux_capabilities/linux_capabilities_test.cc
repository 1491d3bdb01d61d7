#include <gtest/gtest.h>

#include "containerizer/isolators/linux_capabilities/capabilities.h"
#include "containerizer/isolators/linux_capabilities/linux_capabilities.h"

#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // `capability_info`.

namespace tepui::containerizer {
namespace {

using mesos::v1::CapabilityInfo;
using Names = std::vector<CapabilityInfo::Capability>;

constexpr std::uint64_t k_chown = 1u << 0;
constexpr std::uint64_t k_kill = 1u << 5;
constexpr std::uint64_t k_net_raw = 1u << 13;
constexpr std::uint64_t k_agent = k_chown | k_kill | k_net_raw;

void fill(CapabilityInfo& info, const Names& names) {
    for (const auto name : names) info.add_capabilities(name);
}

struct Row {
    const char* what;
    std::optional<Names> effective;
    std::optional<Names> bounding;
    std::optional<std::uint64_t> flag_effective;
    std::optional<std::uint64_t> flag_bounding;
    bool root;
    std::optional<CapabilityPlan> want;
};

TEST(CapabilitiesTest, WhatATaskGets) {
    const Names chown{CapabilityInfo::CHOWN};
    const Names both{CapabilityInfo::CHOWN, CapabilityInfo::KILL};
    const Row rows[] = {
        {"nobody says anything", {}, {}, {}, {}, true, {}},
        {"task's effective bound it", chown, {}, {}, {}, true, CapabilityPlan{k_chown, k_chown}},
        {"task's both", chown, both, {}, {}, false, CapabilityPlan{k_chown, k_chown | k_kill}},
        {"bounding alone, root", {}, chown, {}, {}, true, CapabilityPlan{k_chown, k_chown}},
        {"bounding alone, others", {}, chown, {}, {}, false, CapabilityPlan{0, k_chown}},
        {"flag's effective", {}, {}, k_kill, {}, false, CapabilityPlan{k_kill, k_agent}},
        {"flag's bounding", {}, {}, {}, k_kill, true, CapabilityPlan{k_kill, k_kill}},
        {"flag's effective within the task's bounding",
         {},
         chown,
         k_chown | k_kill,
         {},
         true,
         CapabilityPlan{k_chown, k_chown}},
        {"task's effective within the flag's bounding",
         chown,
         {},
         {},
         k_chown | k_kill,
         true,
         CapabilityPlan{k_chown, k_chown | k_kill}},
        {"none at all", Names{}, {}, {}, {}, true, CapabilityPlan{0, 0}},
        {"flags beyond the agent",
         {},
         {},
         {},
         k_kill | (1ull << 21),
         true,
         CapabilityPlan{k_kill, k_kill}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.what);
        mesos::v1::LinuxInfo asked;
        if (row.effective) fill(*asked.mutable_effective_capabilities(), *row.effective);
        if (row.bounding) fill(*asked.mutable_bounding_capabilities(), *row.bounding);
        SecurityOptions flags;
        flags.effective_capabilities = row.flag_effective;
        flags.bounding_capabilities = row.flag_bounding;
        const auto plan = plan_capabilities(asked, flags, k_agent, row.root);
        ASSERT_TRUE(plan) << plan.error().text;
        EXPECT_EQ(*plan, row.want);
    }
}

TEST(CapabilitiesTest, TheOlderFieldCounts) {
    mesos::v1::LinuxInfo asked;
    asked.mutable_capability_info()->add_capabilities(CapabilityInfo::KILL);
    EXPECT_EQ(*plan_capabilities(asked, {}, k_agent, true), (CapabilityPlan{k_kill, k_kill}));
}

TEST(CapabilitiesTest, WhatIsRefused) {
    mesos::v1::LinuxInfo asked;
    asked.mutable_effective_capabilities()->add_capabilities(CapabilityInfo::NET_RAW);
    SecurityOptions flags;
    flags.bounding_capabilities = k_chown;
    auto plan = plan_capabilities(asked, flags, k_agent, true);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Errc::denied);
    EXPECT_EQ(plan.error().text,
              "the task asks for the effective capabilities NET_RAW, but this agent's "
              "--bounding_capabilities allow only CHOWN");
    EXPECT_FALSE(plan_capabilities(asked, {}, k_chown, true));  // The agent lacks it.
    asked.mutable_bounding_capabilities()->add_capabilities(CapabilityInfo::CHOWN);
    plan = plan_capabilities(asked, {}, k_agent, true);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Errc::invalid_argument);
    asked.Clear();
    asked.mutable_effective_capabilities()->add_capabilities(CapabilityInfo::UNKNOWN);
    EXPECT_FALSE(plan_capabilities(asked, {}, k_agent, true));
}

TEST(CapabilitiesTest, Names) {
    EXPECT_EQ(find_capability("CAP_NET_RAW"), k_net_raw);
    EXPECT_EQ(find_capability("KILL"), k_kill);
    EXPECT_FALSE(find_capability("CAP_FLY"));
    EXPECT_FALSE(find_capability("UNKNOWN"));
    EXPECT_EQ(capability_names(k_chown | k_kill), "CHOWN, KILL");
    EXPECT_EQ(capability_names(0), "none");
}

TEST(CapabilitiesTest, FlagsThatContradictEndTheStart) {
    Options options;
    options.security.effective_capabilities = k_kill;
    options.security.bounding_capabilities = k_chown;
    const cgroups::Groups groups({}, "x", {});
    const auto made = make_linux_capabilities({options, groups, {}});
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().text.find("KILL"), std::string::npos);
}

}  // namespace
}  // namespace tepui::containerizer
