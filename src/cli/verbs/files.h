#pragma once

#include <string>

#include "cli/client/master_api.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/flags/flag.h"

namespace tepui::cli {

/// `tepui files VERB`, as its words say.
asio::awaitable<Outcome> work_on_files(http::Client& client, MasterApi& master,
                                       const Console& console, std::vector<std::string> words,
                                       bool force);

/// "TASK:PATH" in its parts, of the tasks there are.
struct TaskPath {
    std::string task;  // Its whole id.
    std::string path;  // What follows the colon; empty when there is none.
};
asio::awaitable<std::expected<TaskPath, Failure>> find_task_path(std::string verb,
                                                                 MasterApi& master,
                                                                 std::string word);

}  // namespace tepui::cli
