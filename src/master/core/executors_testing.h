#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "master/core/core_testing.h"

// What the tests of executors and pods share.
namespace tepui::master::testing {

inline constexpr const char* agent_resources = "cpus:8;mem:1024;disk:1000";

inline mesos::v1::ExecutorInfo custom_executor(std::string_view id,
                                               std::string_view resources = "cpus:0.5;mem:32") {
    mesos::v1::ExecutorInfo info;
    info.mutable_executor_id()->set_value(std::string(id));
    info.mutable_command()->set_value("./executor");
    *info.mutable_resources() = Resources::parse_flag(resources)->to_proto();
    return info;
}

inline mesos::v1::ExecutorInfo default_executor(std::string_view id) {
    mesos::v1::ExecutorInfo info = custom_executor(id, "cpus:0.5;mem:32;disk:32");
    info.set_type(mesos::v1::ExecutorInfo::DEFAULT);
    info.clear_command();
    return info;
}

inline mesos::v1::TaskInfo executor_task(const mesos::v1::Offer& offer, std::string_view id,
                                         mesos::v1::ExecutorInfo executor) {
    mesos::v1::TaskInfo task = task_info(offer, id);
    task.clear_command();
    *task.mutable_executor() = std::move(executor);
    return task;
}

inline mesos::v1::Offer::Operation group_of(const mesos::v1::Offer& offer,
                                            mesos::v1::ExecutorInfo executor,
                                            std::initializer_list<const char*> tasks) {
    mesos::v1::Offer::Operation operation;
    operation.set_type(mesos::v1::Offer::Operation::LAUNCH_GROUP);
    auto& launch = *operation.mutable_launch_group();
    *launch.mutable_executor() = std::move(executor);
    launch.mutable_task_group();
    for (const char* id : tasks) *launch.mutable_task_group()->add_tasks() = task_info(offer, id);
    return operation;
}

/// An agent and a framework that launches by executors.
struct ExecutorsCluster {
    FakeShell shell;
    FakeAgent agent = register_agent(shell, agent_info("node1", agent_resources));
    FakeScheduler scheduler = subscribe(shell);

    const Agent& record() const { return shell.state().agents.at(agent.id); }
    const Framework& framework() const { return shell.state().frameworks.at(scheduler.id); }
    double used_cpus() const {
        const auto it = record().used.find(scheduler.id);
        return it == record().used.end() ? 0 : it->second.scalar("cpus").to_double();
    }
    std::vector<std::string> executors() const {
        std::vector<std::string> ids;
        for (const auto& [framework, by_id] : record().executors) {
            for (const auto& [id, executor] : by_id) ids.push_back(id.value);
        }
        return ids;
    }

    void operate(const mesos::v1::Offer& offer,
                 std::vector<mesos::v1::Offer::Operation> operations) {
        SchedulerCall accept = scheduler.make(SchedulerCall::ACCEPT);
        *accept.mutable_accept()->add_offer_ids() = offer.id();
        for (mesos::v1::Offer::Operation& operation : operations) {
            *accept.mutable_accept()->add_operations() = std::move(operation);
        }
        accept.mutable_accept()->mutable_filters()->set_refuse_seconds(0);
        scheduler.call(std::move(accept));
    }
    /// Launches a task of the executor and returns what the agent was sent.
    link::RunTask launch(std::string_view task, mesos::v1::ExecutorInfo executor) {
        const mesos::v1::Offer offer = scheduler.offer();
        scheduler.accept({offer}, {executor_task(offer, task, std::move(executor))}, 0);
        const auto frames = agent.take(link::ToAgent::kRunTask);
        EXPECT_EQ(frames.size(), 1u);
        return frames.empty() ? link::RunTask{} : frames.front().run_task();
    }
    link::RunTaskGroup launch_group(mesos::v1::ExecutorInfo executor,
                                    std::initializer_list<const char*> tasks) {
        const mesos::v1::Offer offer = scheduler.offer();
        operate(offer, {group_of(offer, std::move(executor), tasks)});
        const auto frames = agent.take(link::ToAgent::kRunTaskGroup);
        EXPECT_EQ(frames.size(), 1u);
        return frames.empty() ? link::RunTaskGroup{} : frames.front().run_task_group();
    }
    void exit(std::string_view executor, std::int32_t status) {
        link::ToMaster frame;
        auto& exited = *frame.mutable_executor_exited();
        exited.mutable_framework_id()->set_value(scheduler.id.value);
        exited.mutable_executor_id()->set_value(std::string(executor));
        exited.set_status(status);
        agent.send(std::move(frame));
    }
    /// Registers again over a new connection with what the master knows of the named executors.
    void reregister(const std::vector<mesos::v1::ExecutorInfo>& executors,
                    const std::vector<mesos::v1::Task>& tasks, bool same_link = false) {
        if (!same_link) agent.link = shell.open_link();
        link::ToMaster frame;
        auto& reregister = *frame.mutable_reregister_agent();
        *reregister.mutable_agent() = agent.info;
        reregister.set_version("1.12.0");
        for (const auto& task : tasks) *reregister.add_tasks() = task;
        for (const auto& executor : executors) *reregister.add_executors() = executor;
        mesos::v1::FrameworkInfo info = modern_info();
        info.mutable_id()->set_value(scheduler.id.value);
        *reregister.add_frameworks() = info;
        agent.send(std::move(frame));
    }
};

}  // namespace tepui::master::testing
