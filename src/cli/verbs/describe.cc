#include <fmt/core.h>

#include "cli/client/find_object.h"
#include "cli/client/find_task.h"
#include "cli/output/format.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "cli/view/describe.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

asio::awaitable<Result<DescribeView>> load(MasterApi& master) {
    DescribeView view;
    TEPUI_CO_ASSIGN(view.agents, co_await master.call(Call::GET_AGENTS));
    TEPUI_CO_ASSIGN(view.frameworks, co_await master.call(Call::GET_FRAMEWORKS));
    TEPUI_CO_ASSIGN(view.tasks, co_await master.call(Call::GET_TASKS));
    view.now = wall_seconds();
    co_return view;
}

/// An agent that does not answer makes the page shorter, and no failure.
asio::awaitable<void> ask_agent(http::Client& client, DescribeView& view, std::string agent_id) {
    const auto address = agent_address(view.agents, agent_id);
    if (!address) co_return;
    AgentFiles agent(client, *address);
    auto state = co_await agent.get("/state");
    if (state) view.agent_state = std::move(*state);
}

/// What was found: its page for people, its message for programs.
struct Described {
    std::string id;
    std::string page;
    std::string json;
};

asio::awaitable<Result<Described>> describe(http::Client& client, DescribeView& view,
                                            std::string kind, std::string wanted) {
    if (kind == "task") {
        const auto task = find_task(all_tasks(view.tasks), wanted);
        if (!task) co_return std::unexpected(task.error());
        co_await ask_agent(client, view, task->agent_id().value());
        co_return Described{task->task_id().value(), describe_task(*task, view),
                            wire::message_to_json(*task)};
    }
    if (kind == "agent") {
        const auto agent = find_agent(view.agents, wanted);
        if (!agent) co_return std::unexpected(agent.error());
        const std::string id = agent->agent_info().id().value();
        co_await ask_agent(client, view, id);
        co_return Described{id, describe_agent(*agent, view), wire::message_to_json(*agent)};
    }
    const auto found = find_framework(view.frameworks, wanted);
    if (!found) co_return std::unexpected(found.error());
    co_return Described{found->framework.framework_info().id().value(),
                        describe_framework(found->framework, found->completed, view),
                        wire::message_to_json(found->framework)};
}

asio::awaitable<Outcome> show(http::Client& client, MasterApi& master, const Console& console,
                              const Parsed& parsed, std::string kind) {
    auto view = co_await load(master);
    if (!view) co_return master_failure("describe", master, view.error());
    view->color = console.color;
    auto described = co_await describe(client, *view, kind, parsed.words[1]);
    if (!described) {
        co_return give_up("describe", described.error(), fmt::format("tepui get {}s --all", kind));
    }
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return give_up("describe", format.error(), "tepui help describe");
    using Kind = OutputFormat::Kind;
    if (format->kind == Kind::table || format->kind == Kind::wide) {
        console.out(described->page);
    } else if (format->kind == Kind::name) {
        console.out(described->id + '\n');
    } else {
        const auto text = format_json(*format, described->json);
        if (!text) co_return give_up("describe", text.error());
        console.out(*text);
    }
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    std::string kind = parsed.words.empty() ? "" : parsed.words[0];
    if (kind.ends_with('s')) kind.pop_back();
    if (kind != "task" && kind != "agent" && kind != "framework") {
        return give_up("describe",
                       Error{Errc::invalid_argument, "name a kind: agent, framework or task"},
                       "tepui help describe");
    }
    if (parsed.words.size() < 2) {
        return give_up("describe", Error{Errc::invalid_argument, "name the " + kind},
                       fmt::format("tepui get {}s", kind));
    }
    return with_master(parsed, "describe",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await show(client, master, console, parsed, kind);
                           co_return outcome;
                       });
}

}  // namespace

Verb describe_verb() {
    Verb verb;
    verb.manual.name = "describe";
    verb.manual.summary = "show everything about an agent, a framework or a task";
    verb.manual.synopsis = {"describe agent|framework|task [OPTION]... ID"};
    verb.manual.description = {
        "One page about one object: what it is, how it is, what it has and what happened to it. ID "
        "is an id, the beginning of one, a name, or of an agent its host name.",
        "A task's page has its history with times, reasons and messages, and where its sandbox is "
        "on its agent; an agent's has its resources, total, used, offered and free; a framework's "
        "its offers. -o json, yaml and jsonpath give the message of the v1 operator API.",
    };
    verb.manual.examples = {
        {"tepui describe task web-1f", "why did it end?"},
        {"tepui describe agent box3", "what is on this machine?"},
        {"tepui describe task web -o jsonpath={.statuses[-1].message}", "one field, for scripts"},
    };
    verb.flags.flags = {output_flag(), master_flag()};
    verb.flags.words_max = 2;
    verb.offers = {{"agent", "framework", "task"}, {"@kind"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
