#include "master/core/task_record.h"

#include <gtest/gtest.h>

namespace tepui::master {
namespace {

mesos::v1::Task sample() {
    mesos::v1::Task task;
    task.set_name("a name that is not short");
    task.mutable_task_id()->set_value("t");
    task.mutable_framework_id()->set_value("framework-with-a-long-id");
    task.mutable_executor_id()->set_value("e");
    task.mutable_agent_id()->set_value("agent-with-a-long-id");
    task.set_state(mesos::v1::TASK_RUNNING);
    for (const double timestamp : {1.5, 2.5}) {
        auto& status = *task.add_statuses();
        status.mutable_task_id()->set_value("t");
        status.set_state(mesos::v1::TASK_RUNNING);
        status.set_timestamp(timestamp);
    }
    task.set_user("u");
    return task;
}

TaskRecord unpacked(mesos::v1::Task task) {
    return TaskRecord(std::make_shared<mesos::v1::Task>(std::move(task)));
}

TEST(TaskRecord, TellsTheSameInBothForms) {
    mesos::v1::Task bare;  // What is required is not there either.
    bare.mutable_task_id();
    for (const auto& task : {sample(), bare}) {
        for (const auto& record : {unpacked(task), TaskRecord::packed(task)}) {
            SCOPED_TRACE(record.is_packed());
            EXPECT_EQ(record->SerializePartialAsString(), task.SerializePartialAsString());
            EXPECT_EQ(record.state(), task.state());
            EXPECT_EQ(record.task_id(), task.task_id().value());
            EXPECT_EQ(record.framework_id(), task.framework_id().value());
            EXPECT_EQ(record.executor_id(), task.executor_id().value());
            EXPECT_EQ(record.agent_id(), task.agent_id().value());
            EXPECT_EQ(record.has_executor_id(), task.has_executor_id());
            EXPECT_EQ(record.has_statuses(), task.statuses_size() > 0);
            EXPECT_EQ(record.first_timestamp(), task.statuses_size() > 0 ? 1.5 : 0);
        }
    }
    EXPECT_EQ(TaskRecord::packed(sample()).bytes(), sample().SerializeAsString());
    EXPECT_TRUE(unpacked(sample()).bytes().empty());
}

TEST(TaskRecord, IsPackedOnce) {
    TaskRecord record = unpacked(sample());
    record.pack();
    ASSERT_TRUE(record.is_packed());
    const TaskRecord copy = record;
    record.pack();
    EXPECT_EQ(record, copy) << "the same version";
    TaskRecord none;
    none.pack();
    EXPECT_FALSE(none.is_packed());
}

TEST(TaskRecord, AnEditLeavesTheVersionsThatOthersHold) {
    for (const bool is_packed : {false, true}) {
        SCOPED_TRACE(is_packed);
        TaskRecord record = is_packed ? TaskRecord::packed(sample()) : unpacked(sample());
        const TaskRecord before = record;
        edit(record).set_state(mesos::v1::TASK_KILLED);
        EXPECT_NE(record, before);
        EXPECT_EQ(record.state(), mesos::v1::TASK_KILLED);
        EXPECT_EQ(before.state(), mesos::v1::TASK_RUNNING);
        EXPECT_EQ(before->name(), sample().name());
        EXPECT_EQ(record->name(), sample().name());
    }
}

TEST(TaskRecord, WhatNobodySharesIsEditedInPlace) {
    TaskRecord record = unpacked(sample());
    const mesos::v1::Task* const first = &edit(record);
    EXPECT_EQ(&edit(record), first);
    EXPECT_EQ(record.message().get(), first);
}

}  // namespace
}  // namespace tepui::master
