#include "master/core/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// What is too much is refused, named and counted; the rest goes on.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;
using ::testing::HasSubstr;

FakeShell shell_with(Limits limits) {
    CoreConfig config;
    config.limits = limits;
    return FakeShell({.config = std::move(config)});
}

std::uint64_t refused(const FakeShell& shell, const std::string& what) {
    return shell.state().counters.at("limits/" + what + "_refused");
}

std::string error_on(FakeShell& shell, const StreamId& stream) {
    for (const SchedulerEvent& event : shell.take_events(stream)) {
        if (event.type() == SchedulerEvent::ERROR) return event.error().message();
    }
    return {};
}

void label(mesos::v1::Labels& labels, int count) {
    for (int i = 0; i < count; ++i) labels.add_labels()->set_key(fmt::format("k{}", i));
}

TEST(Limits, OneFrameworkTooMany) {
    FakeShell shell = shell_with({.frameworks = 2});
    FakeScheduler first = subscribe(shell);
    subscribe(shell);
    const StreamId third = shell.subscribe(modern_info());
    EXPECT_THAT(error_on(shell, third), HasSubstr("--max_frameworks allows 2"));
    EXPECT_TRUE(shell.closed(third));
    EXPECT_EQ(refused(shell, "frameworks"), 1u);
    // One that is known comes back, and takes no second place.
    mesos::v1::FrameworkInfo again = modern_info();
    again.mutable_id()->set_value(first.id.value);
    EXPECT_EQ(error_on(shell, shell.subscribe(again)), "");
    shell.teardown(first.id);
    EXPECT_EQ(error_on(shell, shell.subscribe(modern_info())), "");
    EXPECT_EQ(refused(shell, "frameworks"), 1u);
}

TEST(Limits, SubscriptionsThatAreBeingStoredCount) {
    FakeShell shell = shell_with({.frameworks = 1});
    shell.hold_writes();
    shell.subscribe(modern_info());
    EXPECT_NE(error_on(shell, shell.subscribe(modern_info())), "");
    EXPECT_EQ(refused(shell, "frameworks"), 1u);
}

TEST(Limits, TasksOfOneFrameworkAndOfAll) {
    struct Row {
        Limits limits;
        const char* counter;
        const char* flag;
    };
    for (const Row& row : {Row{{.tasks = 1}, "tasks", "--max_tasks allows 1"},
                           Row{{.tasks_per_framework = 1},
                               "tasks_per_framework",
                               "--max_tasks_per_framework allows 1"}}) {
        FakeShell shell = shell_with(row.limits);
        FakeAgent agent = register_agent(shell);
        FakeScheduler scheduler = subscribe(shell);
        const mesos::v1::Offer offer = scheduler.offer();
        scheduler.accept({offer}, {task_info(offer, "fits"), task_info(offer, "surplus")});
        const auto updates = scheduler.updates();
        ASSERT_EQ(updates.size(), 1u) << row.flag;
        EXPECT_EQ(updates[0].task_id().value(), "surplus");
        EXPECT_EQ(updates[0].state(), mesos::v1::TASK_ERROR);
        EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_TASK_INVALID);
        EXPECT_THAT(updates[0].message(), HasSubstr(row.flag));
        EXPECT_EQ(refused(shell, row.counter), 1u);
        EXPECT_EQ(agent.take(link::ToAgent::kRunTask).size(), 1u);
    }
}

TEST(Limits, SizesOfATask) {
    struct Row {
        const char* counter;
        std::function<void(mesos::v1::TaskInfo&)> grow;
        const char* hint;
    };
    const Row rows[] = {
        {"labels", [](auto& task) { label(*task.mutable_labels(), 3); }, "--max_labels allows 2"},
        {"labels",
         [](auto& task) {
             label(*task.mutable_labels(), 2);
             label(*task.mutable_discovery()->mutable_labels(), 1);
         },
         "has 3 labels"},
        {"task_data", [](auto& task) { task.set_data("12345"); },
         "--max_task_data_bytes allows 4B"},
        {"task_data", [](auto& task) { task.mutable_executor()->set_data("12345"); }, "Executor"},
    };
    for (const Row& row : rows) {
        FakeShell shell = shell_with({.labels = 2, .task_data_bytes = 4});
        register_agent(shell);
        FakeScheduler scheduler = subscribe(shell);
        const mesos::v1::Offer offer = scheduler.offer();
        mesos::v1::TaskInfo task = task_info(offer, "t");
        row.grow(task);
        scheduler.accept({offer}, {task});
        const auto updates = scheduler.updates();
        ASSERT_EQ(updates.size(), 1u) << row.hint;
        EXPECT_EQ(updates[0].state(), mesos::v1::TASK_ERROR);
        EXPECT_THAT(updates[0].message(), HasSubstr(row.hint));
        EXPECT_EQ(refused(shell, row.counter), 1u);
    }
}

TEST(Limits, AGroupThatIsTooLargeIsRefusedWhole) {
    FakeShell shell = shell_with({.tasks_per_framework = 1});
    register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    const mesos::v1::Offer offer = scheduler.offer();
    mesos::v1::Offer::Operation operation;
    operation.set_type(mesos::v1::Offer::Operation::LAUNCH_GROUP);
    for (const char* id : {"a", "b"}) {
        *operation.mutable_launch_group()->mutable_task_group()->add_tasks() = task_info(offer, id);
    }
    scheduler.operate(offer, operation);
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 2u);
    for (const TaskStatus& status : updates) {
        EXPECT_EQ(status.reason(), TaskStatus::REASON_TASK_GROUP_INVALID);
        EXPECT_THAT(status.message(), HasSubstr("--max_tasks_per_framework"));
    }
    EXPECT_EQ(refused(shell, "tasks_per_framework"), 1u);
}

TEST(Limits, LabelsOfAFramework) {
    FakeShell shell = shell_with({.labels = 1});
    mesos::v1::FrameworkInfo info = modern_info();
    label(*info.mutable_labels(), 2);
    EXPECT_THAT(error_on(shell, shell.subscribe(info)), HasSubstr("--max_labels allows 1"));

    FakeScheduler scheduler = subscribe(shell);
    SchedulerCall call = scheduler.make(SchedulerCall::UPDATE_FRAMEWORK);
    *call.mutable_update_framework()->mutable_framework_info() =
        *shell.state().frameworks.at(scheduler.id).info;
    label(*call.mutable_update_framework()->mutable_framework_info()->mutable_labels(), 2);
    const auto judged = shell.core().check_call(call, scheduler.stream);
    ASSERT_FALSE(judged);
    EXPECT_EQ(judged.error().code, Errc::invalid_argument);
    EXPECT_EQ(refused(shell, "labels"), 2u);
}

TEST(Limits, MessagesToExecutors) {
    FakeShell shell = shell_with({.message_bytes = 4});
    FakeScheduler scheduler = subscribe(shell);
    SchedulerCall call = scheduler.make(SchedulerCall::MESSAGE);
    call.mutable_message()->mutable_agent_id()->set_value("a");
    call.mutable_message()->mutable_executor_id()->set_value("e");
    call.mutable_message()->set_data("1234");
    EXPECT_TRUE(shell.core().check_call(call, scheduler.stream));
    call.mutable_message()->set_data("12345");
    const auto judged = shell.core().check_call(call, scheduler.stream);
    ASSERT_FALSE(judged);
    EXPECT_EQ(judged.error().code, Errc::too_large);
    EXPECT_THAT(judged.error().text, HasSubstr("--max_message_bytes allows 4B"));
    EXPECT_EQ(refused(shell, "messages"), 1u);
}

TEST(Limits, AttributesOfAnAgent) {
    FakeShell shell = shell_with({.attributes_per_agent = 1});
    FakeAgent fits = register_agent(shell);
    mesos::v1::AgentInfo info = agent_info("node2");
    *info.add_attributes() = info.attributes(0);
    const LinkId link = shell.open_link();
    link::ToMaster frame;
    *frame.mutable_register_agent()->mutable_agent() = info;
    frame.mutable_register_agent()->set_version("1.12.0");
    shell.frame(link, frame);
    const auto frames = shell.take_frames(link);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_THAT(frames[0].shutdown_agent().message(),
                HasSubstr("--max_attributes_per_agent allows 1"));
    EXPECT_EQ(refused(shell, "attributes"), 1u);
    EXPECT_EQ(shell.state().agents.size(), 1u);

    // One that has tasks already is not told to end them.
    *fits.info.add_attributes() = fits.info.attributes(0);
    fits.reregister({}, {});
    EXPECT_TRUE(fits.take(link::ToAgent::kShutdownAgent).empty());
    EXPECT_EQ(refused(shell, "attributes"), 2u);
}

}  // namespace
}  // namespace tepui::master::testing
