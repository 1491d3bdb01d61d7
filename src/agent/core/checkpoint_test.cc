#include "agent/core/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

using testing::World;

TEST(StrictCheckpoints, ADamagedOneIsFatalAndNamed) {
    World world;
    world.start();
    world.run_task("t");
    const std::string key = task_state_key(world.container_of("t"));
    CoreConfig strict = world.config;
    strict.strict = true;
    ASSERT_TRUE(Core::create(strict, world.disk, 1, world.now)) << "nothing is damaged yet";
    auto damaged = world.disk;
    damaged.at(key).back() ^= 1;
    const auto refused = Core::create(strict, damaged, 1, world.now);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::corrupt);
    EXPECT_THAT(refused.error().text, ::testing::HasSubstr(key));
    EXPECT_TRUE(Core::create(world.config, damaged, 1, world.now)) << "strict is asked for";
}

}  // namespace
}  // namespace tepui::agent
