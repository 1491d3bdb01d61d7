#include "agent/core/nested.h"

#include <gtest/gtest.h>

#include "agent/core/checkpoint.h"
#include "agent/core/core_testing.h"

// Clients still send the older forms of the calls.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace tepui::agent::testing {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Call;

v1::ContainerID chain(const std::vector<std::string>& ids) {
    v1::ContainerID id;
    for (const std::string& each : ids) {
        v1::ContainerID inner;
        inner.set_value(each);
        if (id.has_value()) *inner.mutable_parent() = id;
        id = inner;
    }
    return id;
}

/// An agent that runs task "t", and an operator who asks.
class NestedTest : public ::testing::Test {
protected:
    NestedTest() {
        world.start();
        world.run_task("t");
        world.settle();
        task = world.container_of("t").value;
    }

    std::uint64_t ask(const Call& call) {
        world.feed(ContainerAsked{++requests, std::make_shared<const Call>(call)});
        return requests;
    }
    std::uint64_t launch(const v1::ContainerID& id) {
        Call call;
        call.set_type(Call::LAUNCH_NESTED_CONTAINER);
        *call.mutable_launch_nested_container()->mutable_container_id() = id;
        call.mutable_launch_nested_container()->mutable_command()->set_value("sleep 1");
        return ask(call);
    }
    std::uint64_t open_session(const v1::ContainerID& id) {
        Call call;
        call.set_type(Call::LAUNCH_NESTED_CONTAINER_SESSION);
        *call.mutable_launch_nested_container_session()->mutable_container_id() = id;
        call.mutable_launch_nested_container_session()->mutable_command()->set_value("sh");
        return ask(call);
    }
    std::uint64_t wait(const v1::ContainerID& id) {
        Call call;
        call.set_type(Call::WAIT_CONTAINER);
        *call.mutable_wait_container()->mutable_container_id() = id;
        return ask(call);
    }
    std::uint64_t kill(const v1::ContainerID& id, int signal) {
        Call call;
        call.set_type(Call::KILL_CONTAINER);
        *call.mutable_kill_container()->mutable_container_id() = id;
        call.mutable_kill_container()->set_signal(signal);
        return ask(call);
    }
    std::uint64_t remove(const v1::ContainerID& id) {
        Call call;
        call.set_type(Call::REMOVE_CONTAINER);
        *call.mutable_remove_container()->mutable_container_id() = id;
        return ask(call);
    }

    /// The answer to a request; none yet is a null.
    const AnswerAsker* answer(std::uint64_t request) const {
        for (const AnswerAsker& each : world.answers)
            if (each.request == request) return &each;
        return nullptr;
    }
    bool is_good(std::uint64_t request) const {
        const AnswerAsker* given = answer(request);
        return given != nullptr && !given->error;
    }
    std::optional<Errc> refused(std::uint64_t request) const {
        const AnswerAsker* given = answer(request);
        if (given == nullptr || !given->error) return std::nullopt;
        return given->error->code;
    }
    ContainerId name(const std::vector<std::string>& ids) const {
        return ContainerId{chain_text(chain(ids))};
    }

    World world;
    std::string task;
    std::uint64_t requests = 0;
};

TEST_F(NestedTest, RunsIsWaitedForAndRemoved) {
    const auto id = chain({task, "a"});
    EXPECT_TRUE(is_good(launch(id)));
    EXPECT_TRUE(answer(launch(id))->already);
    ASSERT_EQ(world.nested_launches.size(), 1U);
    EXPECT_EQ(world.nested_launches[0].parent, ContainerId{task});
    EXPECT_TRUE(world.nested_launches[0].sandbox.ends_with("/containers/a"));
    const auto first = wait(id);
    EXPECT_EQ(answer(first), nullptr);
    EXPECT_EQ(refused(remove(id)), Errc::internal) << "it runs";
    world.exit_container(name({task, "a"}), exited(4));
    world.settle();
    ASSERT_NE(answer(first), nullptr);
    EXPECT_EQ(answer(first)->end->status, exited(4));
    EXPECT_EQ(world.forgotten.at(0), name({task, "a"})) << "its end is stored";
    EXPECT_EQ(answer(wait(id))->end->status, exited(4));
    EXPECT_EQ(refused(kill(id, 9)), Errc::not_found);
    EXPECT_TRUE(is_good(remove(id)));
    ASSERT_EQ(world.removed.size(), 1U);
    EXPECT_TRUE(world.removed[0].ends_with("/containers/a"));
    EXPECT_EQ(refused(wait(id)), Errc::not_found);
    EXPECT_EQ(world.disk.count(nested_key(name({task, "a"}))), 0U);
}

TEST_F(NestedTest, RefusesWhatCannotBe) {
    EXPECT_EQ(refused(launch(chain({"nobody", "x"}))), Errc::invalid_argument);
    EXPECT_EQ(refused(launch(chain({"alone"}))), Errc::invalid_argument) << "no parent";
    for (const char* bad : {"", "a/b", "a.b", "..", "a b", "a\\b"})
        EXPECT_EQ(refused(launch(chain({task, bad}))), Errc::invalid_argument) << bad;
    EXPECT_EQ(refused(launch(chain({task, std::string(240, 'x')}))), Errc::invalid_argument);
    EXPECT_EQ(refused(wait(chain({task, "x"}))), Errc::not_found);
    EXPECT_EQ(refused(kill(chain({task, "x"}), 9)), Errc::not_found);
    EXPECT_EQ(refused(kill(chain({task}), 0)), Errc::invalid_argument);
    EXPECT_EQ(refused(kill(chain({task}), 65)), Errc::invalid_argument);
    EXPECT_TRUE(world.nested_launches.empty());
}

TEST_F(NestedTest, GoesWithTheContainerAroundIt) {
    EXPECT_TRUE(is_good(launch(chain({task, "a"}))));
    EXPECT_TRUE(is_good(launch(chain({task, "a", "b"}))));
    EXPECT_EQ(world.nested_launches[1].parent, name({task, "a"}));
    const auto waits = wait(chain({task, "a", "b"}));
    world.exit_container(name({task, "a", "b"}), std::nullopt);
    world.exit_container(name({task, "a"}), std::nullopt);
    world.exit_task("t", 0);
    world.settle();
    ASSERT_NE(answer(waits), nullptr);
    EXPECT_FALSE(answer(waits)->end->status.has_value());
    EXPECT_TRUE(world.core->state().nested.empty());
}

TEST_F(NestedTest, LivesOnOverARestart) {
    EXPECT_TRUE(is_good(launch(chain({task, "a"}))));
    EXPECT_TRUE(is_good(launch(chain({task, "b"}))));
    world.crash();
    world.containers.at(name({task, "b"})).running = false;
    world.containers.at(name({task, "b"})).status = exited(3);
    world.start();
    EXPECT_EQ(answer(wait(chain({task, "b"})))->end->status, exited(3));
    const auto waits = wait(chain({task, "a"}));
    EXPECT_EQ(answer(waits), nullptr);
    EXPECT_TRUE(is_good(kill(chain({task, "a"}), 15)));
    EXPECT_EQ(world.signals.back(), std::pair(name({task, "a"}), 15));
    EXPECT_EQ(world.nested_launches.size(), 2U) << "nothing is launched twice";
}

TEST_F(NestedTest, WhatHadNotBegunBeforeARestartNeverDoes) {
    world.store_answers = false;
    const auto asked = launch(chain({task, "a"}));
    EXPECT_EQ(answer(asked), nullptr) << "its record is not durable";
    EXPECT_TRUE(world.nested_launches.empty());
    world.crash();
    world.store_answers = true;
    world.start();
    EXPECT_TRUE(world.nested_launches.empty());
    EXPECT_EQ(refused(wait(chain({task, "a"}))), Errc::not_found);
}

TEST_F(NestedTest, ASessionEndsWithItsConnection) {
    const auto talks = open_session(chain({task, "s"}));
    EXPECT_TRUE(is_good(talks));
    EXPECT_EQ(world.nested_launches[0].kind, NestedKind::session);
    EXPECT_TRUE(world.nested_launches[0].user.empty()) << "the task's";
    EXPECT_EQ(refused(launch(chain({task, "s", "x"}))), Errc::invalid_argument);
    world.destroyed.clear();
    world.feed(AskerLeft{talks});
    ASSERT_EQ(world.destroyed.size(), 1U);
    EXPECT_EQ(world.destroyed[0], name({task, "s"}));
    world.exit_container(name({task, "s"}), 9);
    world.settle();
    EXPECT_EQ(answer(wait(chain({task, "s"})))->end->status, 9) << "for who asks a little later";
}

TEST_F(NestedTest, ASessionIsNotCheckpointed) {
    const std::size_t keys = world.disk.size();
    EXPECT_TRUE(is_good(open_session(chain({task, "s"}))));
    EXPECT_EQ(world.disk.size(), keys);
}

TEST_F(NestedTest, StandaloneOnesEndWhenTheAgentLeaves) {
    Call call;
    call.set_type(Call::LAUNCH_CONTAINER);
    *call.mutable_launch_container()->mutable_container_id() = chain({"alone"});
    call.mutable_launch_container()->mutable_command()->set_value("sleep 1");
    EXPECT_TRUE(is_good(ask(call)));
    EXPECT_TRUE(world.nested_launches[0].sandbox.ends_with("/containers/alone"));
    EXPECT_FALSE(world.nested_launches[0].parent.has_value());
    world.destroyed.clear();
    world.feed(DepartureRequested{});
    EXPECT_EQ(std::count(world.destroyed.begin(), world.destroyed.end(), ContainerId{"alone"}), 1);
}

TEST_F(NestedTest, ATaskItselfCanBeWaitedForAndSignalled) {
    const auto waits = wait(chain({task}));
    EXPECT_TRUE(is_good(kill(chain({task}), 10)));
    EXPECT_EQ(world.signals.back(), std::pair(ContainerId{task}, 10));
    world.settle();  // The pretended task ends of any signal.
    ASSERT_NE(answer(waits), nullptr);
    EXPECT_TRUE(answer(waits)->end.has_value());
}

}  // namespace
}  // namespace tepui::agent::testing
