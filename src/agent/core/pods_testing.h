#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "agent/core/core_testing.h"

// What the tests of pods share.
namespace tepui::agent::testing::pods {

using TaskStates = std::vector<mesos::v1::TaskState>;

inline const TaskStates starting_running{mesos::v1::TASK_STARTING, mesos::v1::TASK_RUNNING};

inline mesos::v1::Resource scalar(const std::string& name, double value) {
    mesos::v1::Resource resource;
    resource.set_name(name);
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(value);
    return resource;
}

inline mesos::v1::ExecutorInfo pod_info(const std::string& id = "pod") {
    mesos::v1::ExecutorInfo info;
    info.set_type(mesos::v1::ExecutorInfo::DEFAULT);
    info.mutable_executor_id()->set_value(id);
    *info.add_resources() = scalar("cpus", 0.5);
    *info.add_resources() = scalar("mem", 32);
    return info;
}

/// A task group and its executor.
struct Group {
    std::vector<mesos::v1::TaskInfo> tasks;
    mesos::v1::ExecutorInfo executor = pod_info();
    mesos::v1::FrameworkInfo framework = framework_info("f1");
};

inline mesos::v1::TaskInfo task(const std::string& id) {
    mesos::v1::TaskInfo info = task_info(id);
    *info.add_resources() = scalar("mem", 64);
    return info;
}

inline void run(World& world, const Group& group) {
    link::ToAgent frame;
    link::RunTaskGroup& message = *frame.mutable_run_task_group();
    *message.mutable_framework() = group.framework;
    *message.mutable_executor() = group.executor;
    for (const mesos::v1::TaskInfo& each : group.tasks)
        *message.mutable_task_group()->add_tasks() = each;
    world.send(std::move(frame));
}

inline void run(World& world, const std::vector<std::string>& ids) {
    Group group;
    for (const std::string& id : ids) group.tasks.push_back(task(id));
    run(world, group);
}

inline void shutdown_executor(World& world, const std::string& executor) {
    link::ToAgent frame;
    frame.mutable_shutdown_executor()->mutable_framework_id()->set_value("f1");
    frame.mutable_shutdown_executor()->mutable_executor_id()->set_value(executor);
    world.send(std::move(frame));
}

inline const ExecutorRun* pod(const World& world, const std::string& id = "pod") {
    const auto framework = world.core->state().frameworks.find(FrameworkId{"f1"});
    if (framework == world.core->state().frameworks.end()) return nullptr;
    const auto it = framework->second.executors.find(ExecutorId{id});
    return it == framework->second.executors.end() ? nullptr : &it->second;
}

/// ExecutorExited as the master got them: the executor and its status.
inline std::vector<std::pair<std::string, int>> exits(const World& world) {
    std::vector<std::pair<std::string, int>> list;
    for (const auto& frame : world.sent) {
        if (!frame.has_executor_exited()) continue;
        list.emplace_back(frame.executor_exited().executor_id().value(),
                          frame.executor_exited().status());
    }
    return list;
}

/// Nothing is left of anything: no record, no container.
inline void expect_over(const World& world) {
    EXPECT_TRUE(world.core->state().frameworks.empty());
    EXPECT_TRUE(world.core->state().streams.empty());
    EXPECT_TRUE(world.core->state().executor_containers.empty());
    EXPECT_TRUE(world.core->state().containers.empty());
    for (const auto& [id, container] : world.containers)
        EXPECT_FALSE(container.running) << id.value;
    for (const auto& [key, value] : world.disk) {
        EXPECT_TRUE(key == "identity" || key.starts_with("sandboxes/")) << key;
    }
}

inline mesos::v1::TaskStatus last(const World& world, const std::string& id) {
    const auto all = world.updates(id);
    return all.empty() ? mesos::v1::TaskStatus() : all.back();
}

}  // namespace tepui::agent::testing::pods
