#include "cli/verbs/task_place.h"

#include <sys/wait.h>

#include <fmt/core.h>

#include "cli/client/container_session.h"
#include "cli/client/find_task.h"
#include "cli/verbs/common.h"
#include "resources/task_state.h"

namespace tepui::cli {

asio::awaitable<std::expected<TaskPlace, Failure>> find_container(std::string verb,
                                                                  MasterApi& master,
                                                                  std::string wanted) {
    auto tasks = co_await master.call(mesos::v1::master::Call::GET_TASKS);
    if (!tasks) co_return master_failure(verb, master, tasks.error());
    auto task = find_task(all_tasks(*tasks), wanted);
    if (!task) co_return give_up(verb, task.error(), "tepui get tasks");
    const std::string id = task->task_id().value();
    const auto container = container_of(*task);
    if (!container || is_terminal(task->state())) {
        const std::string& state = mesos::v1::TaskState_Name(task->state());
        co_return give_up(
            verb, Error{Errc::conflict, fmt::format("task '{}' does not run: {}", id, state)},
            fmt::format("tepui describe task {}", id));
    }
    auto agent = co_await ask_agent_address(master, task->agent_id().value());
    if (!agent) co_return give_up(verb, agent.error(), "tepui get agents");
    co_return TaskPlace{std::move(*task), *container, std::move(*agent)};
}

int code_of(std::int32_t wait_status) {
    if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
    return 128 + WTERMSIG(wait_status);
}

}  // namespace tepui::cli
