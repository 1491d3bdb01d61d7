#pragma once

#include <string>
#include <vector>

#include "agent/core/core_testing.h"
#include "agent/core/executor_calls.h"

// What the tests of executors share.
namespace tepui::agent::testing {

/// An agent that runs tasks of executors for framework f1.
struct ExecutorWorld : World {
    ExecutorWorld() { start(); }

    void run_on(const std::string& task, const std::string& executor = "e", bool checkpoint = true,
                bool aware = true) {
        run(framework_info("f1", checkpoint, aware), executor_task(task, executor));
    }
    const ExecutorRun& executor(const std::string& id = "e") {
        return core->state().frameworks.at(FrameworkId{"f1"}).executors.at(ExecutorId{id});
    }
    bool has_executor(const std::string& id = "e") {
        const auto it = core->state().frameworks.find(FrameworkId{"f1"});
        return it != core->state().frameworks.end() &&
               it->second.executors.contains(ExecutorId{id});
    }
    void run_group(const std::vector<std::string>& tasks) {
        link::ToAgent frame;
        auto& group = *frame.mutable_run_task_group();
        *group.mutable_framework() = framework_info("f1");
        *group.mutable_executor() = executor_info();
        for (const auto& task : tasks) *group.mutable_task_group()->add_tasks() = task_info(task);
        send(std::move(frame));
    }
    void message(const std::string& data, const std::string& executor = "e") {
        link::ToAgent frame;
        frame.mutable_framework_message()->mutable_framework_id()->set_value("f1");
        frame.mutable_framework_message()->mutable_executor_id()->set_value(executor);
        frame.mutable_framework_message()->set_data(data);
        send(std::move(frame));
    }
    void shutdown_executor(const std::string& executor = "e") {
        link::ToAgent frame;
        frame.mutable_shutdown_executor()->mutable_framework_id()->set_value("f1");
        frame.mutable_shutdown_executor()->mutable_executor_id()->set_value(executor);
        send(std::move(frame));
    }
    std::vector<std::int32_t> exits() const {
        std::vector<std::int32_t> list;
        for (const auto& frame : sent) {
            if (frame.has_executor_exited()) list.push_back(frame.executor_exited().status());
        }
        return list;
    }
    Result<void> check(const mesos::v1::executor::Call& call) const {
        return check_executor_call(core->state(), call);
    }
};

}  // namespace tepui::agent::testing
