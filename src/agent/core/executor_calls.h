#pragma once

#include "agent/core/context.h"
#include "base/result.h"
#include "mesos/v1/executor/executor.pb.h"

namespace tepui::agent {

/// Whether a call of an executor can be taken: invalid_argument (400) for an unknown framework or
/// executor and for an update that says nothing usable, denied (403) before it has subscribed.
Result<void> check_executor_call(const State& state, const mesos::v1::executor::Call& call);
/// Whether a MESSAGE is too long to be taken: too_large, naming the limit.
Result<void> check_message_size(const CoreConfig& config, const mesos::v1::executor::Call& call);

/// UPDATE, MESSAGE and HEARTBEAT.
void on_executor_called(Context& context, const mesos::v1::executor::Call& call);

/// One update of an executor: taken once by its uuid, repeated ones are acknowledged again.
void take_update(Context& context, ExecutorRun& executor, const mesos::v1::TaskStatus& status);

}  // namespace tepui::agent
