#pragma once

#include <expected>
#include <string>

#include "cli/client/master_api.h"
#include "cli/exit_code.h"

namespace tepui::cli {

/// A running task and where to reach its container.
struct TaskPlace {
    mesos::v1::Task task;
    mesos::v1::ContainerID container;
    std::string agent;  // "host:port"
};

/// Finds the task that a person means by `wanted`. One that does not run is a failure of `verb`.
asio::awaitable<std::expected<TaskPlace, Failure>> find_container(std::string verb,
                                                                  MasterApi& master,
                                                                  std::string wanted);

/// What a shell would say of a wait(2) status.
int code_of(std::int32_t wait_status);

}  // namespace tepui::cli
