#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::exited;
using testing::framework_info;
using ::testing::HasSubstr;
using testing::task_info;
using testing::World;
using Status = v1::TaskStatus;

struct Started : World {
    Started() { start(); }
};

TEST(Recovery, ARunningTaskGoesOnUnseen) {
    Started world;
    world.run_task("t");
    const auto before = world.updates("t").size();
    world.crash();
    world.start();
    const TaskRun& task =
        world.core->state().frameworks.at(FrameworkId{"f1"}).tasks.at(TaskId{"t"});
    EXPECT_EQ(task.pid, 100);
    EXPECT_EQ(task.state, v1::TASK_RUNNING);
    EXPECT_EQ(world.updates("t").size(), before) << "nothing to tell";
    EXPECT_EQ(world.launches(), 1);
    EXPECT_TRUE(world.containers.begin()->second.running);
    world.exit_task("t", exited(0));
    EXPECT_EQ(world.states("t").back(), v1::TASK_FINISHED);
    EXPECT_EQ(world.updates("t").back().container_status().executor_pid(), 100U);
}

TEST(Recovery, ATaskThatEndedMeanwhileIsReported) {
    Started world;
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.crash();
    world.exit_container(container, exited(3));
    world.start();
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_EQ(world.last_message("t"), "Command exited with status 3");
}

TEST(Recovery, AVanishedContainerFailsItsTask) {
    Started world;
    world.run_task("t");
    world.crash();
    world.containers.clear();
    world.start();
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_EXECUTOR_TERMINATED);
    EXPECT_EQ(world.updates("t").back().source(), Status::SOURCE_AGENT);
}

TEST(Recovery, AfterABootNothingLives) {
    Started world;
    world.run_task("t");
    world.crash();
    world.machine_booted = true;
    world.start();
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_THAT(world.last_message("t"), HasSubstr("booted again"));
    ASSERT_EQ(world.core->state().id, AgentId{"a1"}) << "the machine is the same";
    world.run_task("u");
    world.crash();
    world.start();
    EXPECT_EQ(world.states("u").back(), v1::TASK_RUNNING) << "the new boot was remembered";
}

TEST(Recovery, ATaskThatNeverStartedIsDropped) {
    for (const bool aware : {true, false}) {
        Started world;
        world.containers_start = false;
        world.run(framework_info("f1", true, aware), task_info("t"));
        world.crash();
        world.containers.clear();
        world.containers_start = true;
        world.start();
        const Status last = world.updates("t").back();
        EXPECT_EQ(last.state(), aware ? v1::TASK_DROPPED : v1::TASK_LOST);
        EXPECT_EQ(last.reason(), Status::REASON_AGENT_RESTARTED);
        EXPECT_EQ(world.launches(), 0) << "not launched a second time";
    }
}

TEST(Recovery, ALaunchThatSucceededUnseenIsAdopted) {
    Started world;
    world.containers_start = false;
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.crash();
    world.containers.at(container).running = true;
    world.containers.at(container).pid = 77;
    world.start();
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING));
    EXPECT_EQ(world.updates("t").back().container_status().executor_pid(), 77U);
}

TEST(Recovery, WithoutCheckpointsTasksAreNotAdopted) {
    Started world;
    world.run(framework_info("f1", false), task_info("t"));
    const ContainerId container = world.container_of("t");
    world.crash();
    const auto before = world.updates("t").size();
    world.start();
    EXPECT_FALSE(world.containers.at(container).running);
    EXPECT_EQ(world.updates("t").size(), before) << "the master reports it";
    EXPECT_EQ(world.core->state().sandboxes.size(), 1U) << "its sandbox still ages";
    world.advance(8 * 24h);
    EXPECT_EQ(world.removed.size(), 1U);
}

TEST(Recovery, AContainerOfNobodyIsDestroyed) {
    World world;
    auto core = Core::create(world.config, {}, 1, world.now);
    ASSERT_TRUE(core);
    const Effects effects =
        (*core)->recover({{ContainerId{"stray"}, 5, true, std::nullopt, std::nullopt}}, world.now);
    const bool destroyed = std::any_of(effects.begin(), effects.end(), [](const Effect& effect) {
        const auto* destroy = std::get_if<DestroyContainer>(&effect);
        return destroy != nullptr && destroy->container == ContainerId{"stray"};
    });
    EXPECT_TRUE(destroyed);
}

TEST(Recovery, AKillGoesOn) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    world.kill("t", 30s);
    world.advance(10s);
    world.crash();
    world.signals.clear();
    world.start_offline();
    ASSERT_EQ(world.signals.size(), 1U);
    EXPECT_EQ(world.signals[0].second, SIGTERM);
    world.advance(30s);
    EXPECT_EQ(world.signals.back().second, SIGKILL);
    world.connect();
    world.advance(1min);
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
}

TEST(Recovery, AKilledTaskThatEndedMeanwhileIsKilled) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.kill("t");
    world.crash();
    world.exit_container(container, testing::signalled(SIGTERM));
    world.start();
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
}

TEST(Recovery, AFrameworkShutdownGoesOnSilently) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    const auto before = world.updates("t").size();
    world.shutdown_framework();
    world.crash();
    world.start();
    EXPECT_FALSE(world.containers.begin()->second.running);
    EXPECT_TRUE(world.core->state().frameworks.empty());
    EXPECT_EQ(world.updates("t").size(), before);
}

TEST(Recovery, AFrameworkShutdownThatWasHalfStoredEndsAllTasks) {
    Started world;
    world.run_task("t1");
    world.run_task("t2");
    world.store_answers = false;
    world.shutdown_framework();
    world.write_one();  // Of t1, or of t2.
    world.crash();
    world.store_answers = true;
    world.start();
    world.advance(10s);
    for (const auto& [id, container] : world.containers)
        EXPECT_FALSE(container.running) << id.value;
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

struct DamageRow {
    const char* name;
    std::function<void(std::string&)> damage;
};

TEST(Recovery, EachDamagedValueCostsItsObjectAlone) {
    const DamageRow damages[] = {
        {"cut off", [](std::string& value) { value.resize(value.size() / 2); }},
        {"flipped", [](std::string& value) { value.back() = static_cast<char>(value.back() ^ 1); }},
        {"zeroed", [](std::string& value) { value.assign(value.size(), '\0'); }},
        {"empty", [](std::string& value) { value.clear(); }},
        {"other", [](std::string& value) { value = "something else entirely"; }},
    };
    Started origin;
    origin.master_acknowledges = false;
    origin.run_task("t");
    origin.run_task("u", "f2");
    origin.crash();
    for (const auto& [key, original] : origin.disk) {
        for (const DamageRow& row : damages) {
            SCOPED_TRACE(key + ": " + row.name);
            World world(3);
            world.disk = origin.disk;
            world.containers = origin.containers;
            row.damage(world.disk[key]);
            world.start();
            ASSERT_TRUE(world.alive());
            EXPECT_TRUE(world.logged(key)) << "the object is named";
            EXPECT_GE(world.core->state().counters.recovery_errors, 1U);
            if (key == "identity") continue;
            int running = 0;
            for (const auto& [id, container] : world.containers) running += container.running;
            const bool costs_a_task = key.ends_with("/info") || key.starts_with("frameworks/");
            EXPECT_EQ(running, costs_a_task ? 1 : 2);
            world.crash();
            world.log.clear();
            world.start();
            EXPECT_FALSE(world.logged("is left out")) << "and removed from the store";
        }
    }
}

TEST(Recovery, RefusesARelativeWorkDirectory) {
    World world;
    world.config.work_dir = "here";
    EXPECT_FALSE(Core::create(world.config, {}, 1, world.now));
}

/// Kills the agent before each of its effects in turn. Whatever the step, after a restart: the task
/// was launched at most once, its states come in order, its end is told, nothing lives or is stored
/// that should not.
class CrashSweep : public ::testing::TestWithParam<const char*> {};

void play(World& world, const std::string& script) {
    const auto restart_if_dead = [&] {
        if (!world.alive()) world.start();
    };
    world.start();
    restart_if_dead();
    world.run_task("t");
    restart_if_dead();
    if (script == "exits") {
        for (auto& [id, container] : world.containers) {
            if (container.running) world.exit_container(id, exited(0));
        }
    } else if (script == "killed") {
        world.kill("t");
    } else if (script == "killed slowly") {
        world.ignores_term = true;
        world.kill("t");
    } else if (script == "exits while down") {
        world.crash();
        for (auto& [id, container] : world.containers) {
            if (container.running) world.exit_container(id, exited(0));
        }
        world.start();
    }
    restart_if_dead();
    world.advance(1min);
    restart_if_dead();
    world.advance(20min);
}

TEST_P(CrashSweep, EveryStep) {
    const std::string script = GetParam();
    int effects = 0;
    {
        World world;
        play(world, script);
        effects = world.effects_performed;
    }
    ASSERT_GT(effects, 10);
    for (int step = 0; step < effects; ++step) {
        SCOPED_TRACE(::testing::Message() << script << ": killed before effect " << step);
        World world;
        world.crash_before_effect = step;
        play(world, script);
        ASSERT_TRUE(world.alive());
        for (const auto& [id, container] : world.containers) EXPECT_LE(container.launches, 1);
        EXPECT_LE(world.launches(), 1);
        int running = 0;
        for (const auto& [id, container] : world.containers) running += container.running;
        // A kill or an order that crossed the crash is lost; the master would repeat it.
        if (running != 0) {
            EXPECT_EQ(world.states("t").back(), v1::TASK_RUNNING);
            world.kill("t");
            world.advance(1min);
        }
        const auto states = world.states("t");
        for (std::size_t i = 0; i + 1 < states.size(); ++i) {
            EXPECT_NE(states[i], v1::TASK_FINISHED) << "terminal is final";
            EXPECT_NE(states[i], v1::TASK_KILLED) << "terminal is final";
            EXPECT_NE(states[i], v1::TASK_FAILED) << "terminal is final";
        }
        if (world.launches() == 1) {
            ASSERT_FALSE(states.empty());
            const bool over = states.back() == v1::TASK_FINISHED ||
                              states.back() == v1::TASK_KILLED || states.back() == v1::TASK_FAILED;
            EXPECT_TRUE(over) << v1::TaskState_Name(states.back());
        }
        EXPECT_TRUE(world.core->state().frameworks.empty());
        EXPECT_TRUE(world.core->state().streams.empty());
        for (const auto& [key, value] : world.disk) {
            EXPECT_TRUE(key == "identity" || key.starts_with("sandboxes/")) << key;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Scripts, CrashSweep,
                         ::testing::Values("exits", "killed", "killed slowly", "exits while down"));

}  // namespace
}  // namespace tepui::agent
