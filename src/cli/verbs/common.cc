#include "cli/verbs/common.h"

#include <fmt/core.h>

#include "cli/client/find_task.h"
#include "cli/flags/checks.h"
#include "env/posix/clock.h"

namespace tepui::cli {

double wall_seconds() { return env::PosixClock().now().wall.seconds(); }

std::string task_sandbox(const mesos::v1::Task& task) {
    const std::string id = task.task_id().value();
    const std::string executor =
        task.executor_id().value().empty() ? id : task.executor_id().value();
    const std::string sandbox = sandbox_path(task.framework_id().value(), executor);
    return executor == id ? sandbox : fmt::format("{}/tasks/{}", sandbox, id);
}

asio::awaitable<Result<std::string>> ask_agent_address(MasterApi& master, std::string agent_id) {
    auto agents = co_await master.call(mesos::v1::master::Call::GET_AGENTS);
    if (!agents) co_return std::unexpected(agents.error());
    co_return agent_address(*agents, agent_id);
}

Result<bool> confirm(const Console& console, bool yes, const std::string& question) {
    if (yes) return true;
    if (!console.in_is_terminal || !console.read_line) {
        return fail(Errc::invalid_argument,
                    "this cannot be undone and there is no terminal to ask; say --yes");
    }
    console.err(question + " [y/N] ");
    const std::string answer = console.read_line();
    return answer == "y" || answer == "Y" || answer == "yes";
}

Flag yes_flag() {
    Flag flag;
    flag.name = "yes";
    flag.letter = 'y';
    flag.kind = FlagKind::boolean;
    flag.help = "Do not ask. Needed where standard input is no terminal.";
    return flag;
}

Flag wait_timeout_flag() {
    Flag flag;
    flag.name = "timeout";
    flag.value_name = "DURATION";
    flag.help = "Give up after it and end with 4: 30secs, 5mins, 2hrs.";
    flag.check = duration_between(1ms, std::chrono::hours(24 * 365));
    return flag;
}

}  // namespace tepui::cli
