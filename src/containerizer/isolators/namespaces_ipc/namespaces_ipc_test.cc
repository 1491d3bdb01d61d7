#include "containerizer/isolators/namespaces_ipc/namespaces_ipc.h"

#include <gtest/gtest.h>

namespace tepui::containerizer {
namespace {

using mesos::v1::LinuxInfo;

TEST(IpcPlanTest, WhatAContainerGets) {
    struct Row {
        std::optional<LinuxInfo::IpcMode> mode;
        std::optional<unsigned> shm_mb;
        bool nested;
        std::optional<IpcPlan> want;
    };
    const std::uint64_t default_bytes = 1u << 16;
    const std::uint64_t mb = 1u << 20;
    const Row rows[] = {
        {{}, {}, false, IpcPlan{true, default_bytes}},
        {{}, {}, true, IpcPlan{false, {}}},
        {{}, 3, true, IpcPlan{true, 3 * mb}},
        {LinuxInfo::PRIVATE, {}, true, IpcPlan{true, default_bytes}},
        {LinuxInfo::PRIVATE, 2, false, IpcPlan{true, 2 * mb}},
        {LinuxInfo::SHARE_PARENT, {}, false, IpcPlan{false, {}}},
        {LinuxInfo::SHARE_PARENT, 2, false, std::nullopt},
        {LinuxInfo::UNKNOWN, {}, false, IpcPlan{true, default_bytes}},
    };
    SecurityOptions flags;
    flags.shm_bytes_default = default_bytes;
    for (const Row& row : rows) {
        LinuxInfo asked;
        if (row.mode) asked.set_ipc_mode(*row.mode);
        if (row.shm_mb) asked.set_shm_size(*row.shm_mb);
        SCOPED_TRACE(asked.ShortDebugString());
        const auto plan = plan_ipc(asked, row.nested, flags);
        ASSERT_EQ(plan.has_value(), row.want.has_value());
        if (plan) EXPECT_EQ(*plan, *row.want);
    }
}

TEST(IpcPlanTest, TheAgentsMayBeForbidden) {
    SecurityOptions flags;
    flags.disallow_sharing_agent_ipc_namespace = true;
    LinuxInfo asked;
    asked.set_ipc_mode(LinuxInfo::SHARE_PARENT);
    EXPECT_EQ(plan_ipc(asked, false, flags).error().code, Errc::denied);
    EXPECT_TRUE(plan_ipc(asked, true, flags));
}

}  // namespace
}  // namespace tepui::containerizer
