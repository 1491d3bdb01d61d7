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
using testing::signalled;
using testing::task_info;
using testing::World;
using Status = v1::TaskStatus;

struct Started : World {
    Started() { start(); }
};

TEST(Tasks, StartingThenRunningAsTheExecutorSaysIt) {
    Started world;
    world.run_task("t");
    const auto updates = world.updates("t");
    ASSERT_EQ(updates.size(), 2U);
    EXPECT_EQ(updates[0].state(), v1::TASK_STARTING);
    EXPECT_EQ(updates[1].state(), v1::TASK_RUNNING);
    for (const auto& status : updates) {
        EXPECT_EQ(status.source(), Status::SOURCE_EXECUTOR);
        EXPECT_FALSE(status.has_reason());
        EXPECT_FALSE(status.has_message());
        EXPECT_EQ(status.agent_id().value(), "a1");
        EXPECT_EQ(status.executor_id().value(), "t");
        EXPECT_EQ(status.uuid().size(), 16U);
        EXPECT_DOUBLE_EQ(status.timestamp(), world.now.wall.seconds());
        const auto& container = status.container_status();
        EXPECT_EQ(container.container_id().value(), world.container_of("t").value);
        EXPECT_EQ(container.executor_pid(), 100U);
        ASSERT_EQ(container.network_infos_size(), 1);
        EXPECT_EQ(container.network_infos(0).ip_addresses(0).protocol(), v1::NetworkInfo::IPv4);
        EXPECT_EQ(container.network_infos(0).ip_addresses(0).ip_address(), "127.0.0.1");
    }
    EXPECT_NE(updates[0].uuid(), updates[1].uuid());
}

TEST(Tasks, WhatDockerSaysIsDataOfRunningAlone) {
    Started world;
    world.containers_start = false;
    world.run_task("t");
    ContainerStarted started{world.container_of("t"), 7, {}, R"([{"Id":"abc"}])"};
    started.status.add_network_infos()->add_ip_addresses()->set_ip_address("172.17.0.2");
    world.feed(started);
    const auto updates = world.updates("t");
    ASSERT_EQ(updates.size(), 2U);
    EXPECT_FALSE(updates[0].has_data());
    EXPECT_EQ(updates[0].labels().labels_size(), 0);
    EXPECT_EQ(updates[1].data(), R"([{"Id":"abc"}])");
    ASSERT_EQ(updates[1].labels().labels_size(), 1);
    EXPECT_EQ(updates[1].labels().labels(0).key(), "Docker.NetworkSettings.IPAddress");
    EXPECT_EQ(updates[1].labels().labels(0).value(), "172.17.0.2");
}

TEST(Tasks, AContainerWithANetworkOfItsOwnIsToldWithItsAddress) {
    Started world;
    world.containers_start = false;
    world.run_task("t");
    ContainerStarted started{world.container_of("t"), 7, {}};
    auto& network = *started.status.add_network_infos();
    network.set_name("bridge");
    network.add_ip_addresses()->set_ip_address("172.17.0.2");
    started.status.mutable_cgroup_info()->mutable_net_cls()->set_classid(5);
    world.feed(started);
    const auto container = world.updates("t").back().container_status();
    ASSERT_EQ(container.network_infos_size(), 1);
    EXPECT_EQ(container.network_infos(0).name(), "bridge");
    EXPECT_EQ(container.network_infos(0).ip_addresses(0).ip_address(), "172.17.0.2");
    EXPECT_EQ(container.cgroup_info().net_cls().classid(), 5U);
    EXPECT_EQ(container.executor_pid(), 7U);
}

TEST(Tasks, LaunchesOnlyWhatIsDurable) {
    Started world;
    world.store_answers = false;
    world.run_task("t");
    EXPECT_EQ(world.launches(), 0);
    world.write_all();
    EXPECT_EQ(world.launches(), 1);
}

TEST(Tasks, StartsATaskOnce) {
    Started world;
    world.run_task("t");
    world.run_task("t");
    EXPECT_EQ(world.launches(), 1);
    EXPECT_TRUE(world.logged("known already"));
    world.run_task("t", "f2");
    EXPECT_EQ(world.launches(), 2) << "another framework's task of the same name";
}

TEST(Tasks, AnIdMayComeAgainWhenItsTaskIsOver) {
    Started world;
    world.run_task("t");
    world.exit_task("t", exited(0));
    world.run_task("t");
    EXPECT_EQ(world.launches(), 2);
}

TEST(Tasks, UserAndSandbox) {
    Started world;
    auto task = task_info("t");
    world.run(framework_info("f1"), task);
    const auto& first = world.containers.at(world.container_of("t"));
    EXPECT_EQ(first.user, "nobody");
    EXPECT_EQ(first.sandbox,
              "/work/slaves/a1/frameworks/f1/executors/t/runs/" + world.container_of("t").value);
    task = task_info("u");
    task.mutable_command()->set_user("games");
    world.run(framework_info("f1"), task);
    EXPECT_EQ(world.containers.at(world.container_of("u")).user, "games");
}

TEST(Tasks, LastStateByWaitStatus) {
    struct Row {
        const char* name;
        std::int32_t status;
        v1::TaskState state;
        const char* message;
    };
    const Row rows[] = {
        {"exit-0", exited(0), v1::TASK_FINISHED, "Command exited with status 0"},
        {"exit-3", exited(3), v1::TASK_FAILED, "Command exited with status 3"},
        {"kill", signalled(SIGKILL), v1::TASK_FAILED, "Command terminated with signal Killed"},
        {"term", signalled(SIGTERM), v1::TASK_FAILED, "Command terminated with signal Terminated"},
        {"segv", signalled(SIGSEGV), v1::TASK_FAILED,
         "Command terminated with signal Segmentation fault"},
        {"core", signalled(SIGABRT) | 0x80, v1::TASK_FAILED,
         "Command terminated with signal Aborted (core dumped)"},
    };
    Started world;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        world.run_task(row.name);
        world.exit_task(row.name, row.status);
        const Status last = world.updates(row.name).back();
        EXPECT_EQ(last.state(), row.state);
        EXPECT_EQ(last.message(), row.message);
        EXPECT_EQ(last.source(), Status::SOURCE_EXECUTOR);
        EXPECT_FALSE(last.has_reason());
        EXPECT_TRUE(last.has_container_status());
    }
}

TEST(Tasks, LimitExceeded) {
    Started world;
    world.run_task("t");
    Limitation limit;
    limit.reason = Status::REASON_CONTAINER_LIMITATION_MEMORY;
    limit.message = "Memory limit exceeded: Requested: 64MB";
    v1::Resource& mem = *limit.resources.add_resources();
    mem.set_name("mem");
    mem.set_type(v1::Value::SCALAR);
    mem.mutable_scalar()->set_value(64);
    world.exit_container(world.container_of("t"), signalled(SIGKILL), limit);
    const Status last = world.updates("t").back();
    EXPECT_EQ(last.state(), v1::TASK_FAILED);
    EXPECT_EQ(last.source(), Status::SOURCE_AGENT);
    EXPECT_EQ(last.reason(), Status::REASON_CONTAINER_LIMITATION_MEMORY);
    EXPECT_EQ(last.limitation().resources(0).scalar().value(), 64);
    EXPECT_FALSE(last.has_container_status());
    EXPECT_TRUE(last.has_executor_id());
}

TEST(Tasks, LostShim) {
    Started world;
    world.run_task("t");
    world.exit_container(world.container_of("t"), std::nullopt);
    const Status last = world.updates("t").back();
    EXPECT_EQ(last.state(), v1::TASK_FAILED);
    EXPECT_EQ(last.reason(), Status::REASON_EXECUTOR_TERMINATED);
    EXPECT_EQ(last.message(), "Executor terminated");
}

TEST(Tasks, LaunchFails) {
    Started world;
    world.containers_start = false;
    world.run_task("t");
    world.feed(ContainerLaunchFailed{world.container_of("t"), {Errc::io, "no fetch"}});
    const auto updates = world.updates("t");
    ASSERT_EQ(updates.size(), 1U);
    EXPECT_EQ(updates[0].state(), v1::TASK_FAILED);
    EXPECT_EQ(updates[0].message(), "Failed to launch container: no fetch");
    EXPECT_EQ(updates[0].source(), Status::SOURCE_AGENT);
    EXPECT_EQ(updates[0].reason(), Status::REASON_CONTAINER_LAUNCH_FAILED);
    EXPECT_FALSE(updates[0].has_container_status());
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

TEST(Tasks, SandboxFails) {
    for (const bool aware : {true, false}) {
        Started world;
        world.containers_start = false;
        world.run(framework_info("f1", true, aware), task_info("t"));
        world.feed(ContainerLaunchFailed{
            world.container_of("t"), {Errc::invalid_argument, "No such user 'x'"}, true});
        const Status last = world.updates("t").back();
        EXPECT_EQ(last.state(), aware ? v1::TASK_DROPPED : v1::TASK_LOST);
        EXPECT_EQ(last.reason(), Status::REASON_EXECUTOR_TERMINATED);
        EXPECT_EQ(last.message(), "No such user 'x'");
        EXPECT_EQ(last.source(), Status::SOURCE_AGENT);
    }
}

TEST(Tasks, RefusesWhatItCannotRun) {
    Started world;
    const auto expect_error = [&](const v1::TaskInfo& task, const char* part) {
        world.run(framework_info("f1"), task);
        const auto updates = world.updates(task.task_id().value());
        ASSERT_EQ(updates.size(), 1U);
        EXPECT_EQ(updates[0].state(), v1::TASK_ERROR);
        EXPECT_EQ(updates[0].reason(), Status::REASON_TASK_INVALID);
        EXPECT_THAT(updates[0].message(), HasSubstr(part));
    };
    expect_error(task_info("../../etc"), "file names");
    expect_error(task_info(".."), "file names");
    auto task = task_info("empty");
    task.clear_command();
    expect_error(task, "'command'");
    task = task_info("large");
    task.set_data(std::string(2 << 20, 'x'));
    expect_error(task, "stores at most");
    EXPECT_EQ(world.launches(), 0);
    EXPECT_TRUE(world.core->state().streams.empty()) << "acknowledged and over";
}

TEST(Tasks, RefusesGroupsOfNoExecutor) {
    Started world;
    link::ToAgent frame;
    *frame.mutable_run_task_group()->mutable_framework() = framework_info("f1");
    frame.mutable_run_task_group()->mutable_executor()->mutable_executor_id()->set_value("pod");
    *frame.mutable_run_task_group()->mutable_task_group()->add_tasks() = task_info("a");
    *frame.mutable_run_task_group()->mutable_task_group()->add_tasks() = task_info("b");
    world.send(frame);
    for (const char* id : {"a", "b"}) {
        const auto updates = world.updates(id);
        ASSERT_EQ(updates.size(), 1U);
        EXPECT_EQ(updates[0].state(), v1::TASK_ERROR);
        EXPECT_EQ(updates[0].reason(), Status::REASON_TASK_GROUP_INVALID);
        EXPECT_THAT(updates[0].message(), HasSubstr("custom executor needs a 'command'"));
    }
}

TEST(Tasks, ARefusedIdCanBeRunLater) {
    Started world;
    world.master_acknowledges = false;
    auto task = task_info("t");
    task.clear_command();
    world.run(framework_info("f1"), task);
    world.run_task("t");
    EXPECT_EQ(world.launches(), 1);
    world.advance(1min);
    const auto states = world.states("t");
    EXPECT_THAT(states, ElementsAre(v1::TASK_ERROR, v1::TASK_STARTING));
}

TEST(Tasks, FrameworkMessagesAreDroppedLoudly) {
    Started world;
    world.run_task("t");
    link::ToAgent frame;
    frame.mutable_framework_message()->mutable_framework_id()->set_value("f1");
    frame.mutable_framework_message()->mutable_executor_id()->set_value("t");
    frame.mutable_framework_message()->set_data("x");
    world.send(frame);
    EXPECT_TRUE(world.logged("dropping a message of framework f1"));
}

TEST(Tasks, UpdateFrameworkChangesWhatIsStored) {
    Started world;
    world.run_task("t");
    auto info = framework_info("f1", false);
    info.set_name("renamed");
    link::ToAgent frame;
    *frame.mutable_update_framework()->mutable_framework() = info;
    world.send(frame);
    world.crash();
    world.start();
    const auto& framework = world.core->state().frameworks.at(FrameworkId{"f1"});
    EXPECT_EQ(framework.info.name(), "renamed");
    EXPECT_TRUE(framework.info.checkpoint()) << "decided when its tasks were launched";
    EXPECT_TRUE(world.containers.begin()->second.running);
}

TEST(Tasks, CompletedRingsAreBounded) {
    Started world;
    world.config.max_completed_frameworks = 2;
    world.config.max_completed_executors_per_framework = 3;
    world.crash();
    world.start();
    world.run_task("keeps-f1");
    for (int i = 0; i < 5; ++i) {
        const std::string id = fmt::format("t{}", i);
        world.run_task(id);
        world.exit_task(id, exited(0));
    }
    EXPECT_EQ(world.core->state().frameworks.at(FrameworkId{"f1"}).completed.size(), 3U);
    EXPECT_EQ(world.core->state()
                  .frameworks.at(FrameworkId{"f1"})
                  .completed.back()
                  .info.task_id()
                  .value(),
              "t4");
    for (int i = 0; i < 4; ++i) {
        world.run_task("t", fmt::format("g{}", i));
        world.exit_task("t", exited(0));
    }
    EXPECT_EQ(world.core->state().completed_frameworks.size(), 2U);
    world.run_task("again", "g3");
    EXPECT_EQ(world.core->state().completed_frameworks.size(), 1U);
    EXPECT_EQ(world.core->state().frameworks.at(FrameworkId{"g3"}).completed.size(), 1U);
}

TEST(Tasks, FrameworkShutdownEndsItsTasksSilently) {
    Started world;
    world.run_task("t");
    world.run_task("u");
    const ContainerId container = world.container_of("t");
    world.ignores_term = true;
    const auto before = world.updates("t").size();
    world.shutdown_framework();
    EXPECT_THAT(world.signals, ElementsAre(std::pair(container, SIGTERM),
                                           std::pair(world.container_of("u"), SIGTERM)))
        << "order of task ids";
    world.advance(3s);
    EXPECT_FALSE(world.containers.at(container).running);
    EXPECT_EQ(world.updates("t").size(), before);
    EXPECT_TRUE(world.core->state().frameworks.empty());
    EXPECT_EQ(world.core->state().completed_frameworks.size(), 1U);
    for (const auto& [key, value] : world.disk) {
        EXPECT_FALSE(key.starts_with("tasks/") || key.starts_with("frameworks/")) << key;
    }
}

TEST(Tasks, FrameworkShutdownBeforeAndDuringLaunch) {
    Started world;
    world.store_answers = false;
    world.run_task("t");
    world.shutdown_framework();
    world.write_all();
    EXPECT_EQ(world.launches(), 0);
    EXPECT_TRUE(world.core->state().frameworks.empty());
    world.store_answers = true;
    world.containers_start = false;
    world.run_task("u", "f2");
    const ContainerId container = world.container_of("u");
    world.shutdown_framework("f2");
    EXPECT_THAT(world.destroyed, ElementsAre(container));
    world.feed(ContainerLaunchFailed{container, {Errc::cancelled, "destroyed"}});
    EXPECT_TRUE(world.core->state().frameworks.empty());
    EXPECT_TRUE(world.updates("u").empty());
}

TEST(Tasks, NothingRunsForAFrameworkInShutdown) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    world.shutdown_framework();
    world.run_task("u");
    EXPECT_EQ(world.launches(), 1);
}

}  // namespace
}  // namespace tepui::agent
