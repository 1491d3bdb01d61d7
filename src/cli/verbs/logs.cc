#include <fmt/core.h>

#include "cli/client/agent_files.h"
#include "cli/client/find_task.h"
#include "cli/client/master_api.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

/// Asks the master every now and then whether the task has ended, and remembers it in `ended`.
asio::awaitable<void> watch_task(MasterApi& master, std::string task_id,
                                 std::shared_ptr<bool> ended) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!*ended) {
        timer.expires_after(2s);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        auto tasks = co_await master.call(Call::GET_TASKS);
        if (!tasks) continue;  // A master that is away says nothing about the task.
        const auto list = all_tasks(*tasks);
        const auto found = find_task(list, task_id);
        *ended = !found || is_terminal(found->state());
    }
}

asio::awaitable<Outcome> show(http::Client& client, MasterApi& master, const Console& console,
                              const Parsed& parsed) {
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure("logs", master, tasks.error());
    const auto task = find_task(all_tasks(*tasks), parsed.words[0]);
    if (!task) co_return give_up("logs", task.error(), "tepui get tasks --all");
    auto agents = co_await master.call(Call::GET_AGENTS);
    if (!agents) co_return master_failure("logs", master, agents.error());
    const auto address = agent_address(*agents, task->agent_id().value());
    if (!address) co_return give_up("logs", address.error(), "tepui get agents");

    AgentFiles files(client, *address);
    const std::string path =
        fmt::format("{}/{}", task_sandbox(*task), parsed.enabled("stderr") ? "stderr" : "stdout");
    auto ended = std::make_shared<bool>(is_terminal(task->state()));
    FollowOptions options;
    options.follow = parsed.enabled("follow");
    options.ended = [ended] { return *ended; };
    if (options.follow && !*ended) {
        const auto executor = co_await asio::this_coro::executor;
        asio::co_spawn(executor, watch_task(master, task->task_id().value(), ended),
                       asio::detached);
    }
    auto shown = co_await follow_file(files, path, std::move(options), console.out);
    if (!shown) {
        co_return give_up(fmt::format("logs of task {}", task->task_id().value()), shown.error(),
                          fmt::format("tepui get tasks {} -o wide", task->task_id().value()));
    }
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    if (parsed.words.empty()) {
        return give_up("logs", Error{Errc::invalid_argument, "name the task"},
                       "tepui get tasks --all");
    }
    return with_master(parsed, "logs",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await show(client, master, console, parsed);
                           co_return outcome;
                       });
}

}  // namespace

Verb logs_verb() {
    Verb verb;
    verb.manual.name = "logs";
    verb.manual.summary = "show what a task wrote";
    verb.manual.synopsis = {"logs [-f] [--stderr] [OPTION]... TASK"};
    verb.manual.description = {
        "Prints the standard output of TASK, also of one that has ended, for as long as its agent "
        "keeps "
        "the sandbox. TASK is an id, the beginning of one, or a name; of several ended tasks of "
        "one name "
        "the latest is meant.",
    };
    verb.manual.examples = {{"tepui logs -f web", "follow until the task ends"},
                            {"tepui logs --stderr web-1f", "what it wrote to standard error"}};
    Flag follow;
    follow.name = "follow";
    follow.letter = 'f';
    follow.kind = FlagKind::boolean;
    follow.help = "Go on until the task ends.";
    Flag errors;
    errors.name = "stderr";
    errors.kind = FlagKind::boolean;
    errors.help = "Standard error instead of standard output.";
    verb.flags.flags = {follow, errors, master_flag()};
    verb.flags.words_max = 1;
    verb.offers = {{"@tasks"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
