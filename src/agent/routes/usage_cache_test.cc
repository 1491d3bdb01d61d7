#include "agent/routes/usage_cache.h"

#include <gtest/gtest.h>

namespace tepui::agent {
namespace {

using namespace std::chrono_literals;

TEST(UsageCache, ManyReadersShareOneLookASecond) {
    int looks = 0;
    UsageCache cache([&](const ContainerId& id) -> Result<UsageCache::Statistics> {
        if (id.value == "gone") return fail(Errc::not_found, "container '{}' does not run", id);
        UsageCache::Statistics statistics;
        statistics.set_timestamp(++looks);
        return statistics;
    });
    const Instant start{};
    EXPECT_EQ(cache.usage(ContainerId{"a"}, start)->timestamp(), 1);
    EXPECT_EQ(cache.usage(ContainerId{"a"}, start + 999ms)->timestamp(), 1);
    EXPECT_EQ(cache.usage(ContainerId{"b"}, start + 999ms)->timestamp(), 2) << "another container";
    EXPECT_EQ(cache.usage(ContainerId{"a"}, start + 1s)->timestamp(), 3);
    EXPECT_FALSE(cache.usage(ContainerId{"gone"}, start));
    EXPECT_EQ(looks, 3);
}

}  // namespace
}  // namespace tepui::agent
