#include "daemon/timings.h"

#include <gtest/gtest.h>

namespace tepui::daemon {
namespace {

TEST(Timings, ReportsTheNewest) {
    Timings timings;
    std::map<std::string, double> metrics;
    timings.report("x_ms", metrics);
    EXPECT_TRUE(metrics.empty());
    timings.add(1'000'000);  // Falls out of the window.
    for (int i = 1000; i >= 1; --i) timings.add(i);
    timings.report("x_ms", metrics);
    EXPECT_EQ(metrics.at("x_ms"), 1);
    EXPECT_EQ(metrics.at("x_ms/count"), 1001);
    EXPECT_EQ(metrics.at("x_ms/min"), 1);
    EXPECT_EQ(metrics.at("x_ms/max"), 1000);
    EXPECT_NEAR(metrics.at("x_ms/p50"), 500, 1);
    EXPECT_NEAR(metrics.at("x_ms/p99"), 990, 1);
    EXPECT_NEAR(metrics.at("x_ms/p9999"), 1000, 1);
    EXPECT_EQ(metrics.size(), 10U);
}

}  // namespace
}  // namespace tepui::daemon
