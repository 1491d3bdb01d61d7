#pragma once

#include <string>
#include <vector>

#include "agent/core/context.h"

namespace tepui::agent {

// Status update streams: one per task, in order, at least once. An update is forwarded only when it
// is durable, the head alone is in flight, and it is repeated (10 s doubling to 10 min) until its
// uuid is acknowledged.

/// What an update says; ids, time and uuid are added here.
struct UpdateSpec {
    mesos::v1::TaskState state;
    mesos::v1::TaskStatus::Source source = mesos::v1::TaskStatus::SOURCE_AGENT;
    std::optional<mesos::v1::TaskStatus::Reason> reason = std::nullopt;
    std::string message = {};
    std::optional<mesos::v1::TaskResourceLimitation> limitation = std::nullopt;
    /// Of a task that never ran here; others know theirs.
    std::optional<ExecutorId> executor = std::nullopt;
    std::optional<bool> healthy = std::nullopt;
    std::string data = {};
    std::optional<mesos::v1::CheckStatusInfo> check_status = std::nullopt;  // Absent: empty.
};

/// Takes the task through the states in order and queues an update of each, all in one checkpoint
/// batch that also stores the task's own state.
void report(Context& context, TaskRun& task, const std::vector<UpdateSpec>& specs);

/// Queues an update that a custom executor made: `status` has ids, state and uuid; what the agent
/// knows better is filled in. The executor hears ACKNOWLEDGED when it is durable.
void report_from_executor(Context& context, TaskRun& task, mesos::v1::TaskStatus status);

/// An update of a task that never became a TaskRun here (refused, unknown). Kept in memory only:
/// after a restart the master finds the task missing at registration and reports it itself.
void report_unrun(Context& context, const TaskKey& task, const UpdateSpec& spec);

/// The update's checkpoint is durable.
void on_update_durable(Context& context, const ForwardAfter& after);
/// The acknowledgement of an update is stored: the next one may go out.
void on_acknowledged_durable(Context& context, const NextAfter& after);
/// The retry timer of a stream fired.
void on_retry(Context& context, const TaskKey& task);
/// Takes the head off; a terminal one ends the stream and completes the task. An acknowledgement
/// that fits nothing is counted and otherwise ignored.
void acknowledge(Context& context, const link::AcknowledgeUpdate& acknowledgement);

/// Sends every head (again): the agent has just (re-)registered.
void resume_streams(Context& context);
/// Nothing in flight counts as delivered any more.
void pause_streams(Context& context);
/// Forgets a stream and its timer; its checkpoint keys are added to `writes`.
void drop_stream(Context& context, const TaskKey& task, std::vector<CheckpointWrite>& writes);

}  // namespace tepui::agent
