#include <fmt/core.h>

#include "cli/client/find_task.h"
#include "cli/client/master_api.h"
#include "cli/verbs/verbs.h"
#include "resources/task_state.h"
#include "wire/json_writer.h"

namespace tepui::cli {

namespace {

/// The scheduler API lets only a task's own framework kill it, and the operator API of Mesos has no
/// call for it; this route is ours.
http::ClientRequest kill_request(const mesos::v1::Task& task) {
    std::string body;
    wire::JsonWriter json(body);
    json.begin_object();
    json.key("framework_id").value(task.framework_id().value());
    json.key("task_id").value(task.task_id().value());
    json.end_object();
    return json_request("POST", "/tepui/kill-task", std::move(body));
}

asio::awaitable<Outcome> kill(MasterApi& master, const Console& console,
                              const std::string& wanted) {
    auto tasks = co_await master.call(mesos::v1::master::Call::GET_TASKS);
    if (!tasks) co_return master_failure("kill", master, tasks.error());
    const auto task = find_task(all_tasks(*tasks), wanted);
    if (!task) co_return give_up("kill", task.error(), "tepui get tasks");
    const std::string id = task->task_id().value();
    if (is_terminal(task->state())) {
        const Error error{Errc::conflict, fmt::format("it has ended: {}",
                                                      mesos::v1::TaskState_Name(task->state()))};
        co_return give_up(fmt::format("kill {}", id), error, fmt::format("tepui logs {}", id));
    }
    auto request = kill_request(*task);
    auto asked = co_await master.ask(std::move(request));
    if (!asked) {
        co_return ask_failure("kill", fmt::format("kill {}", id), master, asked.error(),
                              fmt::format("tepui get tasks {}", id));
    }
    console.out(fmt::format("{}\n", id));
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    if (parsed.words.empty()) {
        return give_up("kill", Error{Errc::invalid_argument, "name the task"}, "tepui get tasks");
    }
    return with_master(parsed, "kill",
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await kill(master, console, parsed.words[0]);
                           co_return outcome;
                       });
}

}  // namespace

Verb kill_verb() {
    Verb verb;
    verb.manual.name = "kill";
    verb.manual.summary = "kill a task, whichever framework it belongs to";
    verb.manual.synopsis = {"kill [OPTION]... TASK"};
    verb.manual.description = {
        "Asks the master to have TASK killed, and prints its id. TASK is an id, the beginning of "
        "one, or "
        "a name. The task gets its grace period; its framework hears of the kill as of any other, "
        "and "
        "may well start a new one.",
    };
    verb.manual.examples = {{"tepui kill web-1f", "the beginning of an id is enough"}};
    verb.flags.flags = {master_flag()};
    verb.flags.words_max = 1;
    verb.offers = {{"@tasks"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
