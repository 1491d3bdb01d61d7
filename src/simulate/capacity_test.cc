#include "simulate/capacity.h"

#include <gtest/gtest.h>

namespace tepui::simulate {
namespace {

using namespace std::chrono_literals;

CapacityPlan small() {
    CapacityPlan plan;
    plan.agents = 20;
    plan.frameworks = 4;
    plan.roles = 2;
    plan.tasks_per_agent = 5;
    plan.task_time = 20s;
    plan.length = 2min;
    return plan;
}

TEST(Capacity, AClusterGetsFullAndStaysSo) {
    const auto report = run_capacity(small());
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_GT(report->offers, 20u);
    EXPECT_GT(report->tasks_launched, 400u);  // 100 slots, two minutes, 20 s a task.
    EXPECT_GT(report->tasks_finished, 300u);
    EXPECT_GT(report->utilisation, 0.8);
    EXPECT_GT(report->full_after, 0s);
    EXPECT_LT(report->full_after, 30s);
    EXPECT_GT(report->start_wait_ms.count, 300u);
    EXPECT_GE(report->start_wait_ms.p99, report->start_wait_ms.p50);
    ASSERT_EQ(report->shares.size(), 2u);
    // Both want half.
    EXPECT_NEAR(report->shares.at("role0"), report->shares.at("role1"), 0.1);
}

TEST(Capacity, TheSamePlanGivesTheSame) {
    const auto first = run_capacity(small());
    const auto second = run_capacity(small());
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->offers, second->offers);
    EXPECT_EQ(first->tasks_launched, second->tasks_launched);
    EXPECT_EQ(first->start_wait_ms.p99, second->start_wait_ms.p99);
    auto other = small();
    other.seed = 2;
    const auto third = run_capacity(other);
    ASSERT_TRUE(third);
    EXPECT_NE(first->start_wait_ms.p99, third->start_wait_ms.p99);
}

TEST(Capacity, CanBeCancelledAndRefusesNonsense) {
    EXPECT_EQ(run_capacity(small(), [](double) { return false; }).error().code, Errc::cancelled);
    double done = 0;
    ASSERT_TRUE(run_capacity(small(), [&](double part) {
        done = part;
        return true;
    }));
    EXPECT_EQ(done, 1);
    auto plan = small();
    plan.roles = 0;
    EXPECT_EQ(run_capacity(plan).error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace tepui::simulate
