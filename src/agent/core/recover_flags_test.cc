#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/checkpoint.h"
#include "agent/core/core_testing.h"
#include "resources/resources.h"

// --recover, --strict and --reconfiguration_policy at the start of an agent that was there before.
namespace tepui::agent {
namespace {

using testing::exited;
using ::testing::HasSubstr;
using testing::World;

void set_resources(World& world, std::string_view text) {
    *world.config.info.mutable_resources() = Resources::parse_flag(text)->to_proto();
}

std::string stored_resources(const World& world) {
    const Core& core = *world.core;
    return Resources::parse(core.state().config.info.resources())->to_string();
}

TEST(Cleanup, EndsWhatRunsAndThenTheAgent) {
    World world;
    world.start();
    world.run_task("t");
    world.run_task("u");
    world.ignores_term = true;  // Of both, one needs force.
    world.crash();
    world.config.recover = RecoverMode::cleanup;
    const int registrations = world.count_sent(link::ToMaster::kReregisterAgent);
    world.start_offline();
    world.connect();
    EXPECT_FALSE(world.ended) << "not before its tasks";
    world.advance(std::chrono::seconds{10});
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
    EXPECT_THAT(*world.ended, HasSubstr("--recover=cleanup"));
    for (const auto& [id, container] : world.containers) EXPECT_FALSE(container.running);
    EXPECT_EQ(world.count_sent(link::ToMaster::kReregisterAgent), registrations);
    EXPECT_EQ(world.count_sent(link::ToMaster::kUnregisterAgent), 0);
    world.crash();
    world.config.recover = RecoverMode::reconnect;
    world.ended.reset();
    const int first_ones = world.count_sent(link::ToMaster::kRegisterAgent);
    world.start();
    EXPECT_EQ(world.count_sent(link::ToMaster::kRegisterAgent), first_ones + 1)
        << "the next start is that of a new agent";
}

TEST(Cleanup, WithNothingToDoEndsAtOnce) {
    World world;
    world.config.recover = RecoverMode::cleanup;
    world.start();
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
    EXPECT_EQ(world.count_sent(link::ToMaster::kRegisterAgent), 0);
}

TEST(Cleanup, TakesWhatAChangedAgentLeft) {
    World world;
    world.start();
    world.run_task("t");
    world.crash();
    world.config.info.set_hostname("renamed");
    world.config.recover = RecoverMode::cleanup;
    world.start();
    world.advance(std::chrono::seconds{10});
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed) << *world.ended;
    EXPECT_FALSE(world.containers.begin()->second.running);
}

TEST(Reconfiguration, AdditiveKeepsTheIdAndTellsTheMaster) {
    World world;
    set_resources(world, "cpus:4;mem:100");
    world.start();
    world.run_task("t");
    const auto id = world.core->state().id;
    world.crash();
    set_resources(world, "cpus:5;mem:100");
    world.config.reconfiguration = ReconfigurationPolicy::additive;
    world.start();
    ASSERT_FALSE(world.ended) << *world.ended;
    EXPECT_EQ(world.core->state().id, id);
    EXPECT_TRUE(world.containers.begin()->second.running);
    EXPECT_THAT(stored_resources(world), HasSubstr("cpus:5"));
    const auto last = std::find_if(world.sent.rbegin(), world.sent.rend(),
                                   [](const auto& frame) { return frame.has_reregister_agent(); });
    ASSERT_NE(last, world.sent.rend());
    EXPECT_THAT(Resources::parse(last->reregister_agent().agent().resources())->to_string(),
                HasSubstr("cpus:5"));
    // What it is now counts from here on.
    world.crash();
    set_resources(world, "cpus:4;mem:100");
    world.start();
    ASSERT_TRUE(world.ended);
    EXPECT_TRUE(world.end_failed);
    EXPECT_THAT(*world.ended, HasSubstr("cpus:5"));
}

TEST(Reconfiguration, EqualNamesThePolicyThatWouldDo) {
    World world;
    set_resources(world, "cpus:4;mem:100");
    world.start();
    world.run_task("t");
    world.crash();
    set_resources(world, "cpus:5;mem:100");
    world.start();
    ASSERT_TRUE(world.ended);
    EXPECT_TRUE(world.end_failed);
    EXPECT_THAT(*world.ended, HasSubstr("--reconfiguration_policy=additive"));
    EXPECT_TRUE(world.containers.begin()->second.running) << "left for a next start";
}

TEST(Strict, NamesTheFileTheKeyAndTheWayOut) {
    World world;
    world.start();
    world.run_task("t");
    const std::string key = task_info_key(world.container_of("t"));
    world.crash();
    CoreConfig strict = world.config;
    strict.strict = true;
    auto damaged = world.disk;
    damaged.at(key) = "zzz";
    const auto refused = Core::create(strict, damaged, 1, world.now);
    ASSERT_FALSE(refused);
    for (const std::string& part :
         {strict.work_dir + "/meta/agent.db", key, std::string("--strict=false")}) {
        EXPECT_THAT(refused.error().text, HasSubstr(part));
    }
}

TEST(Strict, AChangedAgentAfterABootIsNotDamage) {
    World world;
    world.start();
    world.run_task("t");
    world.crash();
    world.machine_booted = true;
    world.config.info.set_hostname("renamed");
    world.config.strict = true;
    world.start();
    ASSERT_FALSE(world.ended) << *world.ended;
    EXPECT_TRUE(world.core->state().frameworks.empty());
    EXPECT_EQ(world.core->state().sandboxes.size(), 1u) << "to be removed in time";
    EXPECT_TRUE(world.logged("takes a new id"));
    world.crash();
    world.start();
    ASSERT_FALSE(world.ended) << *world.ended;
}

}  // namespace
}  // namespace tepui::agent
