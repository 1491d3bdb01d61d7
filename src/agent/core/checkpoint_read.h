#pragma once

#include <cstdint>
#include <string>

#include "agent/core/state.h"

namespace tepui::agent {

// The values of the checkpoint store, read: what checkpoint.cc writes. All fail with corrupt, also
// for what this version does not know. Containers stand in the keys and are left empty here, but
// for nested ones.

Result<std::int64_t> read_number(const std::string& text);

template <typename Message>
Result<Message> read_message(const std::string& bytes) {
    Message message;
    if (!message.ParseFromString(bytes)) {
        return fail(Errc::corrupt, "not a {}", message.GetTypeName());
    }
    return message;
}

Result<ExecutorRun> read_executor(const std::string& value);
Result<void> read_executor_state(const std::string& value, ExecutorRun& executor);
Result<TaskRun> read_task(const std::string& value);
/// What was ending it is taken as asked for `now`. Leaves the task as it is when it fails.
Result<void> read_task_state(const std::string& value, Instant now, TaskRun& task);
Result<NestedRun> read_nested(const std::string& value);

}  // namespace tepui::agent
