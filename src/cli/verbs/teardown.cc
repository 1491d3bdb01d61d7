#include <fmt/core.h>

#include "cli/client/find_object.h"
#include "cli/client/find_task.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

template <typename Concerns>
int count_tasks(const mesos::v1::master::Response& answer, Concerns concerns) {
    int count = 0;
    for (const auto& task : answer.get_tasks().tasks()) {
        if (concerns(task) && !is_terminal(task.state())) ++count;
    }
    return count;
}

std::string tasks_text(int count) { return fmt::format("{} task{}", count, count == 1 ? "" : "s"); }

/// Asks, makes the call, prints the id.
asio::awaitable<Outcome> act(MasterApi& master, const Console& console, const Parsed& parsed,
                             Call call, std::string id, std::string what, std::string question) {
    const auto agreed = confirm(console, parsed.enabled("yes"), question);
    if (!agreed) co_return give_up(what, agreed.error(), fmt::format("tepui {} --yes", what));
    if (!*agreed) {
        console.err("tepui: nothing was done\n");
        co_return static_cast<int>(Exit::failed);
    }
    auto done = co_await master.call(std::move(call));
    if (!done) co_return master_failure(what, master, done.error());
    console.out(id + '\n');
    co_return 0;
}

asio::awaitable<Outcome> teardown(MasterApi& master, const Console& console, const Parsed& parsed) {
    auto frameworks = co_await master.call(Call::GET_FRAMEWORKS);
    if (!frameworks) co_return master_failure("teardown", master, frameworks.error());
    const auto found = find_framework(*frameworks, parsed.words[0]);
    if (!found) co_return give_up("teardown", found.error(), "tepui get frameworks");
    const auto& info = found->framework.framework_info();
    const std::string id = info.id().value();
    if (found->completed) {
        co_return give_up(fmt::format("teardown {}", id),
                          Error{Errc::conflict, "it is completed already"},
                          fmt::format("tepui describe framework {}", id));
    }
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure("teardown", master, tasks.error());
    const int count =
        count_tasks(*tasks, [&id](const auto& task) { return task.framework_id().value() == id; });
    Call call;
    call.set_type(Call::TEARDOWN);
    call.mutable_teardown()->mutable_framework_id()->set_value(id);
    auto outcome = co_await act(
        master, console, parsed, std::move(call), id, fmt::format("teardown {}", id),
        fmt::format("Remove framework {} ({}) and kill its {}? Its id can never be used again.",
                    info.name(), id, tasks_text(count)));
    co_return outcome;
}

asio::awaitable<Outcome> mark_gone(MasterApi& master, const Console& console,
                                   const Parsed& parsed) {
    auto agents = co_await master.call(Call::GET_AGENTS);
    if (!agents) co_return master_failure("gone", master, agents.error());
    const auto found = find_agent(*agents, parsed.words[0]);
    // An agent that is away is in no list; its whole id still names it.
    const bool whole_id = parsed.words[0].find("-S") != std::string::npos;
    if (!found && (found.error().code != Errc::not_found || !whole_id)) {
        co_return give_up("gone", found.error(), "tepui get agents");
    }
    const std::string id = found ? found->agent_info().id().value() : parsed.words[0];
    const std::string host = found ? found->agent_info().hostname() : "not registered now";
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure("gone", master, tasks.error());
    const int count =
        count_tasks(*tasks, [&id](const auto& task) { return task.agent_id().value() == id; });
    Call call;
    call.set_type(Call::MARK_AGENT_GONE);
    call.mutable_mark_agent_gone()->mutable_agent_id()->set_value(id);
    auto outcome = co_await act(
        master, console, parsed, std::move(call), id, fmt::format("gone {}", id),
        fmt::format("Mark agent {} ({}) gone for ever? Its {} will be reported gone, it will be "
                    "shut down and can never come back under this id.",
                    id, host, tasks_text(count)));
    co_return outcome;
}

using Body = asio::awaitable<Outcome> (*)(MasterApi&, const Console&, const Parsed&);

Outcome run(const Console& console, const Parsed& parsed, const std::string& verb,
            const std::string& kind, Body body) {
    if (parsed.words.empty()) {
        return give_up(verb, Error{Errc::invalid_argument, fmt::format("name the {}", kind)},
                       fmt::format("tepui get {}s", kind));
    }
    return with_master(parsed, verb,
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await body(master, console, parsed);
                           co_return outcome;
                       });
}

}  // namespace

Verb teardown_verb() {
    Verb verb;
    verb.manual.name = "teardown";
    verb.manual.summary = "remove a framework and kill its tasks";
    verb.manual.synopsis = {"teardown [--yes] [OPTION]... FRAMEWORK"};
    verb.manual.description = {
        "Removes FRAMEWORK, an id, the beginning of one or a name: its tasks and executors are "
        "killed, its scheduler is told and disconnected. Its id can never be used again. Asks "
        "first; without a terminal --yes is needed.",
    };
    verb.manual.examples = {{"tepui teardown marathon", "asks, then removes it"},
                            {"tepui teardown --yes 8c455cbe-0c41", "in a script"}};
    verb.flags.flags = {yes_flag(), master_flag()};
    verb.flags.words_max = 1;
    verb.offers = {{"@frameworks"}};
    verb.run = [](const Console& console, const Parsed& parsed) {
        return run(console, parsed, "teardown", "framework", teardown);
    };
    return verb;
}

Verb gone_verb() {
    Verb verb;
    verb.manual.name = "gone";
    verb.manual.summary = "tell the cluster that an agent will never come back";
    verb.manual.synopsis = {"gone [--yes] [OPTION]... AGENT"};
    verb.manual.description = {
        "Marks AGENT, an id, the beginning of one or a host name, as gone. This is irreversible: "
        "its tasks are reported gone to their frameworks (which may start them elsewhere at once), "
        "and should the agent still run or return, it is shut down with all that runs on it. An "
        "agent that is not registered now must be named by its whole id. Asks first; without a "
        "terminal --yes is needed.",
    };
    verb.manual.examples = {{"tepui gone box3", "the machine has burnt"}};
    verb.flags.flags = {yes_flag(), master_flag()};
    verb.flags.words_max = 1;
    verb.offers = {{"@agents"}};
    verb.run = [](const Console& console, const Parsed& parsed) {
        return run(console, parsed, "gone", "agent", mark_gone);
    };
    return verb;
}

}  // namespace tepui::cli
