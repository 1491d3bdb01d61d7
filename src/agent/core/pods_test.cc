#include "agent/core/pods.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/pods_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using testing::World;
using Status = v1::TaskStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using States = testing::pods::TaskStates;
using namespace testing::pods;

TEST(Pods, SandboxesOfTasksGoByThemselvesWhenAskedTo) {
    World world;
    world.config.gc_nested_sandboxes = true;
    world.start();
    run(world, {"a", "b"});
    const std::string nested = world.containers.at(world.container_of("a")).sandbox;
    const std::string whole = pod(world)->sandbox;
    world.exit_task("a", testing::exited(0));
    world.advance(7 * 24h);
    EXPECT_THAT(world.removed, ElementsAre(nested)) << "the pod lives on";
    world.crash();
    world.start();
    world.exit_task("b", testing::exited(0));
    world.advance(8 * 24h);
    EXPECT_EQ(std::count(world.removed.begin(), world.removed.end(), whole), 1);
    for (const auto& [key, value] : world.disk) EXPECT_EQ(key, "identity");
}

TEST(Pods, SecretsOfTasksAreLaunchedAndNotStored) {
    World world;
    world.start();
    Group group;
    group.tasks = {task("a")};
    auto& variable = *group.tasks[0].mutable_command()->mutable_environment()->add_variables();
    variable.set_name("PASSWORD");
    variable.set_type(v1::Environment::Variable::SECRET);
    variable.mutable_secret()->mutable_value()->set_data("hunter2");
    *group.executor.mutable_command() = group.tasks[0].command();
    run(world, group);
    const auto has = [](const std::string& bytes) {
        return bytes.find("hunter2") != std::string::npos;
    };
    EXPECT_TRUE(has(world.containers.at(world.container_of("a")).task.SerializeAsString()));
    for (const auto& [key, value] : world.disk) EXPECT_FALSE(has(value)) << key;
    EXPECT_FALSE(has(pod(world)->info.SerializeAsString()));
    EXPECT_EQ(pod(world)->whole, nullptr);
}

TEST(Pods, TasksOfAGroupLiveInThePodAndEndByThemselves) {
    World world;
    world.start();
    run(world, {"a", "b"});
    ASSERT_EQ(world.pod_launches.size(), 1u);
    EXPECT_EQ(world.pod_launches[0].limits, (ContainerLimits{2.5, std::nullopt, 160, 160}));
    EXPECT_EQ(world.states("a"), starting_running);
    EXPECT_EQ(world.states("b"), starting_running);
    const ExecutorRun& run = *pod(world);
    EXPECT_EQ(world.containers.at(world.container_of("a")).parent, run.container);
    EXPECT_EQ(world.containers.at(world.container_of("a")).sandbox,
              run.sandbox + "/containers/" + world.container_of("a").value);

    world.exit_task("a", testing::exited(0));
    EXPECT_EQ(last(world, "a").state(), v1::TASK_FINISHED);
    EXPECT_EQ(world.states("b"), starting_running) << "FINISHED ends nobody else";
    EXPECT_TRUE(exits(world).empty());
    world.exit_task("b", testing::exited(0));
    EXPECT_EQ(last(world, "b").state(), v1::TASK_FINISHED);
    EXPECT_THAT(exits(world), ElementsAre(std::pair<std::string, int>("pod", 0)));
    EXPECT_EQ(world.forgotten.size(), 3u) << "both tasks' containers and the pod's";
    expect_over(world);
    ASSERT_EQ(world.core->state().completed_frameworks.size(), 1u);
    const Framework& over = world.core->state().completed_frameworks[0];
    ASSERT_EQ(over.completed_executors.size(), 1u);
    EXPECT_EQ(over.completed_executors[0].completed.size(), 2u);
    EXPECT_TRUE(over.completed.empty());
}

TEST(Pods, UpdatesNameThePodAndTheNestedContainer) {
    World world;
    world.start();
    run(world, {"a"});
    const ContainerId own = world.container_of("a");
    const ContainerId parent = pod(world)->container;
    world.exit_task("a", testing::exited(0));
    for (const v1::TaskStatus& status : world.updates("a")) {
        EXPECT_EQ(status.executor_id().value(), "pod");
        EXPECT_EQ(status.source(), Status::SOURCE_EXECUTOR);
        EXPECT_EQ(status.container_status().container_id().value(), own.value);
        EXPECT_EQ(status.container_status().container_id().parent().value(), parent.value);
        // As recorded: only of a task that runs.
        const bool runs = status.state() == v1::TASK_RUNNING;
        EXPECT_EQ(status.container_status().has_executor_pid(), runs);
        EXPECT_EQ(status.container_status().network_infos_size(), runs ? 1 : 0);
    }
    EXPECT_EQ(world.last_message("a"), "Command exited with status 0");
}

TEST(Pods, FailureOfOneKillsItsSiblings) {
    World world;
    world.start();
    run(world, {"a", "b", "c"});
    world.exit_task("b", testing::exited(3));
    EXPECT_EQ(world.states("b"), (States{v1::TASK_STARTING, v1::TASK_RUNNING, v1::TASK_FAILED}));
    for (const char* id : {"a", "c"}) {
        EXPECT_EQ(world.states(id),
                  (States{v1::TASK_STARTING, v1::TASK_RUNNING, v1::TASK_KILLING, v1::TASK_KILLED}));
        EXPECT_EQ(world.last_message(id), "Command terminated with signal Terminated");
    }
    EXPECT_EQ(exits(world).size(), 1u);
    expect_over(world);
}

TEST(Pods, KillOfOneKillsItsGroupEachWithItsGrace) {
    World world;
    world.start();
    world.ignores_term = true;
    Group group{{task("a"), task("b")}};
    group.tasks[1].mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(
        Duration{7s}.count());
    run(world, group);
    world.kill("a", 2s);
    const ContainerId a = world.container_of("a");
    const ContainerId b = world.container_of("b");
    EXPECT_EQ(world.signals,
              (std::vector<std::pair<ContainerId, int>>{{a, SIGTERM}, {b, SIGTERM}}));
    world.advance(2s);
    EXPECT_EQ(last(world, "a").state(), v1::TASK_KILLED);
    EXPECT_EQ(last(world, "b").state(), v1::TASK_KILLING);
    world.advance(5s);
    EXPECT_EQ(last(world, "b").state(), v1::TASK_KILLED);
    expect_over(world);
}

TEST(Pods, SecondGroupGoesIntoTheSamePodWhenThatHasItsResources) {
    World world;
    world.start();
    run(world, {"a"});
    world.containers_update = false;
    run(world, {"b", "c"});
    EXPECT_EQ(world.pod_launches.size(), 1u);
    ASSERT_EQ(world.container_updates.size(), 1u);
    EXPECT_EQ(world.container_updates[0].limits, (ContainerLimits{3.5, std::nullopt, 224, 224}));
    EXPECT_TRUE(world.states("b").empty()) << "it has to wait for its resources";
    world.feed(ContainerUpdated{pod(world)->container, world.container_updates[0].sequence, {}});
    EXPECT_EQ(world.states("b"), starting_running);
    EXPECT_EQ(world.states("c"), starting_running);
    // Another group's failure is none of ours.
    world.exit_task("c", testing::exited(1));
    EXPECT_EQ(last(world, "b").state(), v1::TASK_KILLED);
    EXPECT_EQ(world.states("a"), starting_running);
    // What they had is given back.
    EXPECT_EQ(world.container_updates.back().limits, (ContainerLimits{1.5, std::nullopt, 96, 96}));
    world.exit_task("a", testing::exited(0));
    expect_over(world);
}

TEST(Pods, UpdateThatFailsEndsThatGroupAlone) {
    World world;
    world.start();
    run(world, {"a"});
    world.update_fails = true;
    run(world, {"b", "c"});
    for (const char* id : {"b", "c"}) {
        EXPECT_EQ(world.states(id), (States{v1::TASK_GONE}));
        EXPECT_EQ(last(world, id).reason(), Status::REASON_CONTAINER_UPDATE_FAILED);
    }
    EXPECT_EQ(world.states("a"), starting_running);
    EXPECT_EQ(world.launches(), 2);
}

TEST(Pods, LaunchFailureOfOneFailsTheGroup) {
    World world;
    world.start();
    world.containers_start = false;
    run(world, {"a", "b"});
    world.containers.at(pod(world)->container).running = true;
    world.feed(ContainerStarted{pod(world)->container, 7});
    EXPECT_EQ(world.states("a"), (States{v1::TASK_STARTING}));
    const ContainerId b = world.container_of("b");
    world.feed(ContainerLaunchFailed{world.container_of("a"), Error{Errc::io, "no such file"}});
    EXPECT_EQ(last(world, "a").state(), v1::TASK_FAILED);
    EXPECT_EQ(last(world, "a").reason(), Status::REASON_CONTAINER_LAUNCH_FAILED);
    EXPECT_EQ(world.destroyed, std::vector<ContainerId>{b});
    world.feed(ContainerLaunchFailed{b, Error{Errc::cancelled, "cancelled"}});
    EXPECT_EQ(last(world, "b").state(), v1::TASK_KILLED);
    EXPECT_EQ(last(world, "b").reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
    expect_over(world);
}

TEST(Pods, KilledDuringLaunchTheWholeGroupIs) {
    struct Row {
        const char* name;
        bool stored;
    };
    for (const Row& row : {Row{"before it was stored", false}, Row{"before the pod ran", true}}) {
        SCOPED_TRACE(row.name);
        World world;
        world.start();
        world.store_answers = row.stored;
        world.containers_start = false;
        run(world, {"a", "b"});
        const ContainerId container = pod(world)->container;
        world.kill("b");
        world.write_all();
        world.store_answers = true;
        if (row.stored) {
            EXPECT_EQ(world.destroyed, std::vector<ContainerId>{container});
            world.feed(ContainerLaunchFailed{container, Error{Errc::cancelled, "cancelled"}});
        }
        for (const char* id : {"a", "b"}) {
            EXPECT_EQ(world.states(id), (States{v1::TASK_KILLED}));
            EXPECT_EQ(last(world, id).reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
        }
        EXPECT_EQ(world.launches(), row.stored ? 1 : 0);
        EXPECT_EQ(exits(world).size(), 1u) << "the master gives its resources back";
        expect_over(world);
    }
}

TEST(Pods, PodThatCantBeMadeFailsItsTasks) {
    World world;
    world.start();
    world.containers_start = false;
    run(world, {"a", "b"});
    world.feed(ContainerLaunchFailed{pod(world)->container, Error{Errc::io, "disk full"}});
    for (const char* id : {"a", "b"}) {
        EXPECT_EQ(world.states(id), (States{v1::TASK_FAILED}));
        EXPECT_EQ(last(world, id).reason(), Status::REASON_CONTAINER_LAUNCH_FAILED);
        EXPECT_THAT(world.last_message(id), HasSubstr("disk full"));
    }
    expect_over(world);
}

TEST(Pods, MemoryOfThePodFailsAllItsTasks) {
    World world;
    world.start();
    world.ignores_term = true;
    run(world, {"a", "b"});
    Limitation limit{Status::REASON_CONTAINER_LIMITATION_MEMORY, "Memory limit exceeded", {}};
    const ContainerId b = world.container_of("b");
    const ContainerId parent = pod(world)->container;
    world.exit_container(world.container_of("a"), testing::signalled(SIGKILL), limit);
    // It was told to end as a sibling meanwhile, but that is not why it did.
    world.exit_container(b, testing::signalled(SIGKILL), limit);
    world.exit_container(parent, testing::signalled(SIGKILL), limit);
    for (const char* id : {"a", "b"}) {
        EXPECT_EQ(last(world, id).state(), v1::TASK_FAILED) << id;
        EXPECT_EQ(last(world, id).reason(), Status::REASON_CONTAINER_LIMITATION_MEMORY);
    }
    expect_over(world);
}

TEST(Pods, LossOfThePodFailsAllItsTasks) {
    World world;
    world.start();
    world.ignores_term = true;
    run(world, {"a", "b"});
    world.exit_container(pod(world)->container, std::nullopt);
    for (const char* id : {"a", "b"}) {
        EXPECT_EQ(last(world, id).state(), v1::TASK_FAILED) << id;
        EXPECT_EQ(last(world, id).reason(), Status::REASON_EXECUTOR_TERMINATED);
    }
    expect_over(world);
}

TEST(Pods, CompletionTimeOfOneEndsTheGroup) {
    World world;
    world.start();
    Group group{{task("a"), task("b")}};
    group.tasks[0].mutable_max_completion_time()->set_nanoseconds(Duration{5s}.count());
    run(world, group);
    world.advance(5s);
    EXPECT_EQ(last(world, "a").state(), v1::TASK_FAILED);
    EXPECT_EQ(last(world, "a").reason(), Status::REASON_MAX_COMPLETION_TIME_REACHED);
    EXPECT_EQ(last(world, "b").state(), v1::TASK_KILLED);
    expect_over(world);
}

TEST(Pods, ShutdownEndsAllGroupsWithinTheExecutorsGrace) {
    World world;
    world.start();
    world.ignores_term = true;
    Group group{{task("a")}};
    group.executor.mutable_shutdown_grace_period()->set_nanoseconds(Duration{2s}.count());
    run(world, group);
    group.tasks = {task("b")};
    run(world, group);
    shutdown_executor(world, "pod");
    run(world, {"late"});
    EXPECT_EQ(last(world, "late").state(), v1::TASK_DROPPED);
    EXPECT_EQ(last(world, "late").reason(), Status::REASON_EXECUTOR_TERMINATED);
    world.advance(2s);
    for (const char* id : {"a", "b"}) EXPECT_EQ(last(world, id).state(), v1::TASK_KILLED);
    EXPECT_EQ(exits(world).size(), 1u);
    expect_over(world);
}

TEST(Pods, EndOfTheFrameworkEndsThemUntold) {
    World world;
    world.start();
    run(world, {"a", "b"});
    world.sent.clear();
    world.shutdown_framework();
    EXPECT_TRUE(world.updates("a").empty());
    expect_over(world);
}

TEST(Pods, LeavingAgentEndsThem) {
    World world;
    world.start();
    run(world, {"a", "b"});
    world.feed(DepartureRequested{});
    world.advance(10s);
    EXPECT_EQ(last(world, "a").state(), v1::TASK_KILLED);
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
    for (const auto& [id, container] : world.containers) EXPECT_FALSE(container.running);
}

TEST(Pods, AgentThatIsShutDownEndsThemAtOnce) {
    World world;
    world.start();
    run(world, {"a", "b"});
    world.ignores_term = true;
    link::ToAgent frame;
    frame.mutable_shutdown_agent()->set_message("gone");
    world.send(std::move(frame));
    ASSERT_TRUE(world.ended);
    EXPECT_TRUE(world.core->state().frameworks.empty());
    for (const auto& [id, container] : world.containers) EXPECT_FALSE(container.running);
    EXPECT_FALSE(world.disk.contains("identity"));
}

TEST(Pods, SecondGroupKilledWhileItWaitsLeavesTheFirst) {
    World world;
    world.start();
    run(world, {"a"});
    world.containers_update = false;
    run(world, {"b", "c"});
    world.kill("c");
    for (const char* id : {"b", "c"}) {
        EXPECT_EQ(world.states(id), (States{v1::TASK_KILLED}));
        EXPECT_EQ(last(world, id).reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
    }
    world.containers_update = true;
    for (const UpdateContainer& update : std::vector(world.container_updates)) {
        world.feed(ContainerUpdated{update.container, update.sequence, {}});
    }
    EXPECT_EQ(world.launches(), 2);
    EXPECT_EQ(world.states("a"), starting_running);
    world.exit_task("a", testing::exited(0));
    expect_over(world);
}

TEST(Pods, RepeatedGroupIsLaunchedOnce) {
    World world;
    world.start();
    run(world, {"a", "b"});
    run(world, {"a", "b"});
    run(world, {"b", "c"});
    EXPECT_EQ(world.launches(), 3);
    EXPECT_TRUE(world.updates("c").empty());
}

TEST(Pods, BadGroupIsRefusedAsAWhole) {
    struct Row {
        const char* name;
        std::function<void(Group&)> spoil;
        const char* message;
    };
    const Row rows[] = {
        {"no command", [](Group& group) { group.tasks[1].clear_command(); }, "'command'"},
        {"odd id", [](Group& group) { group.executor.mutable_executor_id()->set_value("a/b"); },
         "file names"},
        {"odd task id", [](Group& group) { group.tasks[1].mutable_task_id()->set_value(".."); },
         "file names"},
        {"twice", [](Group& group) { group.tasks[1] = group.tasks[0]; }, "twice"},
        {"another executor",
         [](Group& group) { *group.tasks[0].mutable_executor() = pod_info("x"); },
         "another executor"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        world.start();
        Group group{{task("a"), task("b")}};
        row.spoil(group);
        run(world, group);
        EXPECT_EQ(world.launches(), 0);
        EXPECT_EQ(world.states("a"), (States{v1::TASK_ERROR}));
        EXPECT_EQ(last(world, "a").reason(), Status::REASON_TASK_GROUP_INVALID);
        EXPECT_THAT(world.last_message("a"), HasSubstr(row.message));
        EXPECT_EQ(exits(world).size(), 1u);
    }
}

}  // namespace
}  // namespace tepui::agent
