#include "agent/core/executor_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/core_testing.h"
#include "agent/core/executors.h"
#include "resources/task_state.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::executor_status;
using testing::executor_task;
using testing::exited;
using testing::framework_info;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::World;
using Event = v1::executor::Event;
using Repeats = v1::executor::Call::Subscribe;
using Status = v1::TaskStatus;

Repeats update_again(const std::string& task, v1::TaskState state, const std::string& uuid) {
    Repeats repeats;
    *repeats.add_unacknowledged_updates()->mutable_status() = executor_status(task, state, uuid);
    return repeats;
}

struct Started : World {
    Started() { start(); }

    void run_on(const std::string& task, bool checkpoint = true) {
        run(framework_info("f1", checkpoint), executor_task(task));
    }
    bool registers() const {
        return core->state().registration.phase != RegistrationPhase::disconnected;
    }
    const Framework& framework() { return core->state().frameworks.at(FrameworkId{"f1"}); }
    ContainerId container() { return framework().executors.at(ExecutorId{"e"}).container; }
};

TEST(ExecutorRecovery, OneThatComesBackGoesOn) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.crash();
    world.start_offline();
    world.connect();
    EXPECT_FALSE(world.registers()) << "first the executors";
    const auto stream = world.subscribe();
    EXPECT_TRUE(world.registers());
    world.advance(1min);
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED));
    EXPECT_THAT(world.destroyed, IsEmpty());
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_RUNNING));
    EXPECT_EQ(world.launches(), 1);
    world.update("t", v1::TASK_FINISHED, "u2");
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_RUNNING, v1::TASK_FINISHED));
    EXPECT_EQ(world.updates("t").back().container_status().executor_pid(), 100U);
}

TEST(ExecutorRecovery, OneThatDoesNotComeBackIsDestroyed) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.crash();
    world.start_offline();
    world.connect();
    world.advance(1'999ms);
    EXPECT_THAT(world.destroyed, IsEmpty());
    EXPECT_FALSE(world.registers());
    world.advance(1ms);
    EXPECT_THAT(world.destroyed, SizeIs(1));
    EXPECT_TRUE(world.registers());
    world.advance(1min);
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_EXECUTOR_REREGISTRATION_TIMEOUT);
}

TEST(ExecutorRecovery, WhatItRepeatsIsTakenOnce) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    ASSERT_THAT(world.states("t"), ElementsAre(v1::TASK_RUNNING)) << "acknowledged by the master";
    world.crash();
    world.start_offline();
    Repeats repeats = update_again("t", v1::TASK_RUNNING, "u1");
    repeats.MergeFrom(update_again("t", v1::TASK_FINISHED, "u2"));
    const auto stream = world.subscribe(repeats);
    EXPECT_THAT(world.heard(stream),
                ElementsAre(Event::SUBSCRIBED, Event::ACKNOWLEDGED, Event::ACKNOWLEDGED));
    world.connect();
    world.advance(1min);
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_RUNNING, v1::TASK_FINISHED));
}

TEST(ExecutorRecovery, ATaskItNeverGotIsDropped) {
    Started world;
    world.run_on("t");
    world.run_on("u");
    world.subscribe();
    world.crash();
    world.start_offline();
    Repeats repeats;
    *repeats.add_unacknowledged_tasks() = executor_task("u");
    world.subscribe(repeats);
    world.connect();
    world.advance(1min);
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_DROPPED));
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_AGENT_RESTARTED);
    EXPECT_THAT(world.states("u"), IsEmpty());
    EXPECT_THAT(world.framework().executors, SizeIs(1));
}

TEST(ExecutorRecovery, OneWhoseQueueWasLostIsOfNoUse) {
    Started world;
    world.run_on("t");  // It has not subscribed when the agent dies.
    world.crash();
    world.start_offline();
    const auto stream = world.subscribe();
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::SHUTDOWN));
    world.connect();
    world.advance(1min);
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_DROPPED));
    EXPECT_THAT(world.destroyed, SizeIs(1)) << "it did not listen";
    EXPECT_THAT(world.disk, SizeIs(2)) << "identity and sandbox are left";
}

TEST(ExecutorRecovery, OneThatHasATaskIsOfUseEvenIfThatWasNotStored) {
    Started world;
    world.run_on("t");
    world.store_answers = false;
    world.subscribe();  // Hands the task over; the agent dies before it has stored so.
    world.crash();
    world.store_answers = true;
    world.start_offline();
    Repeats repeats;
    *repeats.add_unacknowledged_tasks() = executor_task("t");
    world.subscribe(repeats);
    world.connect();
    world.advance(1min);
    world.update("t", v1::TASK_FINISHED, "u1");
    ASSERT_THAT(world.states("t"), ElementsAre(v1::TASK_FINISHED));
    world.crash();
    world.start_offline();
    const auto stream = world.subscribe();
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED)) << "it may stay";
}

TEST(ExecutorRecovery, OneThatEndedMeanwhileIsReported) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    const ContainerId container = world.container();
    world.crash();
    world.exit_container(container, exited(7));
    world.start();
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_EXECUTOR_TERMINATED);
}

TEST(ExecutorRecovery, AfterABootItIsGone) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.crash();
    world.machine_booted = true;
    world.start();
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_THAT(world.last_message("t"), HasSubstr("booted again"));
}

TEST(ExecutorRecovery, WithoutCheckpointsItIsNotAdopted) {
    Started world;
    world.run_on("t", false);
    world.subscribe();
    const ContainerId container = world.container();
    world.crash();
    world.start();
    EXPECT_FALSE(world.containers.at(container).running);
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

TEST(ExecutorRecovery, AKillItMissedIsRepeated) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.kill("t");
    world.crash();
    world.start_offline();
    const auto stream = world.subscribe();
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::KILL));
}

TEST(ExecutorRecovery, AShutdownGoesOn) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.shutdown_framework();
    world.crash();
    world.start_offline();
    world.advance(5s);
    EXPECT_THAT(world.destroyed, SizeIs(1));
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

TEST(ExecutorRecovery, ADamagedRecordTakesItsTasksAlong) {
    Started world;
    world.run_on("t");
    world.subscribe();
    const ContainerId container = world.container();
    world.crash();
    world.disk["executors/" + container.value + "/info"] = "rubbish";
    world.start();
    EXPECT_FALSE(world.containers.at(container).running) << "nobody owns it";
    EXPECT_TRUE(world.core->state().frameworks.empty());
    EXPECT_TRUE(world.logged("executors/" + container.value));
}

/// The executor's side of the story: what it got and what it was acknowledged.
struct Executor {
    std::set<std::string> tasks;
    std::map<std::string, v1::TaskStatus> unacknowledged;  // By uuid.
    std::set<std::string> reported;                        // Of whose tasks an update was sent.
    std::map<std::uint64_t, std::size_t> read;             // Events taken off each stream.
};

/// Two tasks run and finish, the third is killed; the agent dies before its nth effect.
/// Returns false when it did not come to that many.
class CrashStory {
public:
    explicit CrashStory(int effect) {
        world_.start();
        world_.crash_before_effect = effect;
    }

    bool play() {
        launch("t");
        subscribe();
        launch("u");
        launch("k");
        pump();
        world_kill("k");
        pump();
        for (const char* task : {"t", "u"}) say(task, v1::TASK_FINISHED, "2");
        settle();
        return !world_.crash_before_effect.has_value();
    }

    World& world() { return world_; }
    const Executor& executor() const { return executor_; }

private:
    bool container_lives() const {
        for (const auto& [id, container] : world_.containers) {
            if (container.running) return true;
        }
        return false;
    }
    /// The agent comes back, and so does an executor that lives.
    void revive() {
        if (world_.alive()) return;
        world_.start_offline();
        world_.connect();
        if (subscribed_) subscribe();
        world_.advance(1min);
    }
    void launch(const std::string& task) {
        revive();
        world_.run(framework_info("f1"), executor_task(task));
        revive();
    }
    void world_kill(const std::string& task) {
        revive();
        world_.kill(task);
        if (world_.alive()) return;
        revive();
        // The master repeats a kill of a task that comes back.
        const auto states = world_.states(task);
        if (states.empty() || !is_terminal(states.back())) world_.kill(task);
    }
    void subscribe() {
        revive();
        const auto& state = world_.core->state();
        const auto framework = state.frameworks.find(FrameworkId{"f1"});
        if (framework == state.frameworks.end() || !container_lives()) return;
        if (!framework->second.executors.contains(ExecutorId{"e"})) return;
        subscribed_ = true;
        Repeats repeats;
        for (const auto& task : executor_.tasks) {
            if (!executor_.reported.contains(task)) {
                *repeats.add_unacknowledged_tasks() = executor_task(task);
            }
        }
        for (const auto& [uuid, status] : executor_.unacknowledged) {
            *repeats.add_unacknowledged_updates()->mutable_status() = status;
        }
        connection_ = world_.subscribe(repeats);
        if (world_.alive()) pump();
    }
    void say(const std::string& task, v1::TaskState state, const std::string& uuid) {
        if (!executor_.tasks.contains(task) || !container_lives()) return;
        revive();
        const v1::TaskStatus status = executor_status(task, state, task + uuid);
        executor_.unacknowledged[status.uuid()] = status;
        executor_.reported.insert(task);
        world_.update(task, state, task + uuid);
        revive();
        pump();
    }
    /// The executor reads its events and does what they say.
    void pump() {
        auto& events = world_.streams[connection_];
        while (executor_.read[connection_] < events.size()) {
            const Event event = events[executor_.read[connection_]++];
            if (event.type() == Event::LAUNCH) {
                const std::string task = event.launch().task().task_id().value();
                EXPECT_TRUE(executor_.tasks.insert(task).second) << task << " came twice";
                say(task, v1::TASK_RUNNING, "1");
                return pump();
            }
            if (event.type() == Event::ACKNOWLEDGED) {
                executor_.unacknowledged.erase(event.acknowledged().uuid());
            }
            if (event.type() == Event::KILL) {
                say(event.kill().task_id().value(), v1::TASK_KILLED, "3");
                return pump();
            }
        }
    }
    void settle() {
        revive();
        world_.advance(20min);
        revive();
        pump();
    }

    World world_;
    Executor executor_;
    std::uint64_t connection_ = 0;
    bool subscribed_ = false;
};

/// Every state the framework was told, in order, is one that a task may go through.
void expect_sane(World& world, const std::string& task) {
    const auto states = world.states(task);
    ASSERT_FALSE(states.empty()) << task;
    for (std::size_t i = 0; i + 1 < states.size(); ++i) {
        // A kill of a task that was dropped with its agent is answered as one of an unknown task.
        if (states[i] == v1::TASK_DROPPED && states[i + 1] == v1::TASK_DROPPED) continue;
        EXPECT_TRUE(states[i] == v1::TASK_RUNNING) << task << " says more after its end";
    }
    EXPECT_NE(states.back(), v1::TASK_RUNNING) << task << " has no end";
}

TEST(ExecutorRecovery, HoldsWhereverTheAgentDies) {
    int effect = 0;
    for (;; ++effect) {
        SCOPED_TRACE("the agent dies before effect " + std::to_string(effect));
        CrashStory story(effect);
        const bool died = story.play();
        for (const char* task : {"t", "u", "k"}) {
            // An order that the dead agent had not stored is the master's to report.
            if (story.world().states(task).empty()) {
                ASSERT_TRUE(died);
                EXPECT_FALSE(story.executor().tasks.contains(task));
                continue;
            }
            expect_sane(story.world(), task);
        }
        EXPECT_LE(story.world().executor_launches.size(), 2U);
        EXPECT_THAT(story.executor().unacknowledged, IsEmpty()) << "all was acknowledged";
        if (!died) break;
        ASSERT_LT(effect, 500);
    }
    EXPECT_GT(effect, 40) << "the story has that many effects";
}

}  // namespace
}  // namespace tepui::agent
