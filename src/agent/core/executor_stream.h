#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// The event streams of custom executors. An executor has at most one; a newer takes its place.

/// Opens with SUBSCRIBED; what the executor repeats is merged, and what waits for it handed over.
void on_executor_subscribed(Context& context, const ExecutorSubscribed& subscribed);
/// The tasks live on; the executor may come back whenever it likes.
void on_executor_disconnected(Context& context, const ExecutorDisconnected& disconnected);
void on_executor_heartbeat(Context& context, const ContainerId& container);

/// Sends on the executor's stream; false when it has none.
bool send_to_executor(Context& context, const ExecutorRun& executor,
                      mesos::v1::executor::Event event);
/// ACKNOWLEDGED, when the executor still listens.
void acknowledge_to_executor(Context& context, const AcknowledgeAfter& acknowledgement);
/// KILL; with a policy when the task's grace is not its usual one.
void send_kill(Context& context, const ExecutorRun& executor, const TaskRun& task);
/// Bytes of the framework: delivered when the executor listens, else dropped.
void send_framework_message(Context& context, const link::FrameworkMessage& message);
void close_stream(Context& context, ExecutorRun& executor);

}  // namespace tepui::agent
