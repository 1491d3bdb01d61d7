#pragma once

#include <optional>
#include <string_view>

#include "mesos/v1/mesos.pb.h"

namespace tepui::cli {

/// What a shell would say of a task that ended so: 0 when it finished, its own status, 128 and the
/// signal's number, or 1 when the cluster ended it before it had a status. The wire has the status
/// in words only ("Command exited with status 3", "Command terminated with signal Killed").
int exit_status(const mesos::v1::TaskStatus& status);

/// The status that TaskStatus.message tells, if it tells one.
std::optional<int> status_in_message(std::string_view message);

}  // namespace tepui::cli
