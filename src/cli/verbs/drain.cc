#include <fmt/core.h>

#include "base/time.h"
#include "cli/flags/checks.h"
#include "cli/verbs/change.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "cli/view/text.h"
#include "resources/task_state.h"
#include "wire/json_writer.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

int tasks_on(const mesos::v1::master::Response& tasks, const std::string& agent) {
    int count = 0;
    for (const auto& task : tasks.get_tasks().tasks()) {
        if (task.agent_id().value() == agent && !is_terminal(task.state())) ++count;
    }
    return count;
}

// Waits until the agent is drained, or gone from the cluster.
asio::awaitable<Outcome> wait_drained(MasterApi& master, const Console& console, std::string id,
                                      std::optional<Duration> timeout) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const auto until = timeout ? std::chrono::steady_clock::now() + *timeout
                               : std::chrono::steady_clock::time_point::max();
    int told = -1;
    while (true) {
        auto agents = co_await master.call(Call::GET_AGENTS);
        auto tasks = co_await master.call(Call::GET_TASKS);
        if (agents && tasks) {
            bool draining = false;
            for (const auto& agent : agents->get_agents().agents()) {
                if (agent.agent_info().id().value() != id) continue;
                draining = agent.drain_info().state() == mesos::v1::DRAINING;
            }
            const int left = tasks_on(*tasks, id);
            if (!draining) break;
            if (left != told) console.err(fmt::format("tepui: {} tasks left on {}\n", left, id));
            told = left;
        }
        if (std::chrono::steady_clock::now() >= until) {
            co_return give_up("drain " + id, Error{Errc::timeout, "it is still draining"},
                              "tepui describe agent " + id);
        }
        timer.expires_after(std::chrono::milliseconds{500});
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    console.out(id + ": drained\n");
    co_return 0;
}

Result<Change> plan_drain(const AgentAnswer& agent, const mesos::v1::master::Response& tasks,
                          const Parsed& parsed) {
    const std::string& id = agent.agent_info().id().value();
    Change change;
    change.call.set_type(Call::DRAIN_AGENT);
    auto& drain = *change.call.mutable_drain_agent();
    drain.mutable_agent_id()->set_value(id);
    if (parsed.given("max-grace-period")) {
        const Duration most = TEPUI_TRY(parse_duration(parsed.value("max-grace-period")));
        if (most < Duration::zero()) {
            return fail(Errc::invalid_argument, "a grace period can't be negative");
        }
        const auto whole = std::chrono::duration_cast<std::chrono::seconds>(most);
        drain.mutable_max_grace_period()->set_seconds(whole.count());
        drain.mutable_max_grace_period()->set_nanos(
            static_cast<std::int32_t>((most - whole).count()));
    }
    if (parsed.enabled("mark-gone")) drain.set_mark_gone(true);
    change.lines.push_back(fmt::format(
        "{}: draining, {} tasks to end{}", agent.agent_info().hostname(), tasks_on(tasks, id),
        parsed.enabled("mark-gone") ? ", then it is gone for ever" : ""));
    return change;
}

/// Mesos knows no way back; this route is ours.
asio::awaitable<Outcome> cancel(MasterApi& master, const Console& console, const Parsed& parsed) {
    auto agent = co_await ask_agent(master, parsed.words[0]);
    if (!agent) co_return call_failure("drain", master, agent.error(), "tepui get agents");
    const std::string id = agent->agent_info().id().value();
    const std::string line = agent->agent_info().hostname() + ": not draining any more\n";
    if (parsed.enabled("dry-run")) {
        console.out(line);
        console.err("tepui: nothing was changed (--dry-run)\n");
        co_return 0;
    }
    std::string body;
    wire::JsonWriter json(body);
    json.begin_object().key("agent_id").value(id).end_object();
    auto request = json_request("POST", "/tepui/cancel-drain", std::move(body));
    auto done = co_await master.ask(std::move(request));
    if (!done) {
        co_return ask_failure("drain", "drain --cancel " + id, master, done.error(),
                              "tepui describe agent " + id);
    }
    console.out(line);
    co_return 0;
}

asio::awaitable<Outcome> drain(MasterApi& master, const Console& console, const Parsed& parsed) {
    if (parsed.enabled("cancel")) {
        if (parsed.enabled("mark-gone") || parsed.enabled("wait") ||
            parsed.given("max-grace-period")) {
            co_return usage_failure("drain", "--cancel goes with --dry-run only");
        }
        auto outcome = co_await cancel(master, console, parsed);
        co_return outcome;
    }
    std::optional<Duration> timeout;
    if (parsed.given("timeout")) {
        const auto duration = parse_duration(parsed.value("timeout"));
        if (!duration) co_return usage_failure("drain", duration.error().text);
        timeout = *duration;
    }
    auto agent = co_await ask_agent(master, parsed.words[0]);
    if (!agent) co_return call_failure("drain", master, agent.error(), "tepui get agents");
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure("drain", master, tasks.error());
    auto change = plan_drain(*agent, *tasks, parsed);
    if (!change) co_return usage_failure("drain", change.error().text);
    const std::string id = agent->agent_info().id().value();
    const std::string what = "drain " + id;
    const std::string question =
        fmt::format("End all {} tasks on agent {} ({}){}?", tasks_on(*tasks, id),
                    agent->agent_info().hostname(), id,
                    parsed.enabled("mark-gone") ? " and mark it gone for ever" : "");
    auto outcome = co_await make_change(master, console, parsed, what, std::move(*change),
                                        "tepui describe agent " + id, question);
    if (!outcome || *outcome != 0 || !parsed.enabled("wait") || parsed.enabled("dry-run")) {
        co_return outcome;
    }
    outcome = co_await wait_drained(master, console, id, timeout);
    co_return outcome;
}

asio::awaitable<Outcome> switch_agent(MasterApi& master, const Console& console,
                                      const Parsed& parsed, bool active) {
    const std::string what = active ? "reactivate" : "deactivate";
    auto agent = co_await ask_agent(master, parsed.words[0]);
    // An agent that is away is in no list; its whole id still names it.
    const bool whole_id = parsed.words[0].find("-S") != std::string::npos;
    if (!agent && (agent.error().code != Errc::not_found || !whole_id)) {
        co_return call_failure(what, master, agent.error(), "tepui get agents");
    }
    const std::string id = agent ? agent->agent_info().id().value() : parsed.words[0];
    const std::string host = agent ? agent->agent_info().hostname() : id;
    Change change;
    change.call.set_type(active ? Call::REACTIVATE_AGENT : Call::DEACTIVATE_AGENT);
    (active ? change.call.mutable_reactivate_agent()->mutable_agent_id()
            : change.call.mutable_deactivate_agent()->mutable_agent_id())
        ->set_value(id);
    change.lines.push_back(
        fmt::format("{}: {}", host, active ? "offered again" : "not offered any more"));
    auto outcome = co_await make_change(master, console, parsed, fmt::format("{} {}", what, id),
                                        std::move(change), "tepui describe agent " + id);
    co_return outcome;
}

asio::awaitable<Outcome> deactivate(MasterApi& master, const Console& console,
                                    const Parsed& parsed) {
    return switch_agent(master, console, parsed, /*active=*/false);
}
asio::awaitable<Outcome> reactivate(MasterApi& master, const Console& console,
                                    const Parsed& parsed) {
    return switch_agent(master, console, parsed, /*active=*/true);
}

Outcome run(const Console& console, const Parsed& parsed, const std::string& verb,
            SharingBody body) {
    if (parsed.words.empty()) return usage_failure(verb, "name the agent");
    return with_master(parsed, verb,
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await body(master, console, parsed);
                           co_return outcome;
                       });
}

Verb agent_verb_of(const std::string& name, SharingBody body) {
    Verb verb;
    verb.manual.name = name;
    verb.flags.words_max = 1;
    verb.offers = {{"@agents"}};
    verb.run = [name, body](const Console& console, const Parsed& parsed) {
        return run(console, parsed, name, body);
    };
    return verb;
}

Flag boolean_flag(std::string name, std::string help) {
    Flag flag;
    flag.name = std::move(name);
    flag.kind = FlagKind::boolean;
    flag.help = std::move(help);
    return flag;
}

}  // namespace

Verb drain_verb() {
    Verb verb = agent_verb_of("drain", drain);
    verb.manual.summary = "end all tasks of an agent and offer it no more";
    verb.manual.synopsis = {
        "drain [--max-grace-period DURATION] [--mark-gone] [--wait] [--yes] [--dry-run] AGENT",
        "drain --cancel [--dry-run] AGENT"};
    verb.manual.description = {
        "All tasks of AGENT are killed, each with its own grace period but at most "
        "--max-grace-period, and nothing of it is offered. It stays so over restarts of agent and "
        "master, until tepui reactivate. With --mark-gone the agent is marked gone for ever when "
        "it is empty. Asks first; without a terminal --yes is needed.",
        "With --cancel a drain that is not done yet is taken back: the agent is offered again; "
        "tasks "
        "that were told to end do so.",
    };
    verb.manual.examples = {{"tepui drain --wait box1 && ssh box1 reboot", "before a reboot"},
                            {"tepui drain --mark-gone --yes box1", "it will not come back"},
                            {"tepui drain --cancel box1", "not today"},
                            {"tepui reactivate box1", "it is back"}};
    Flag grace;
    grace.name = "max-grace-period";
    grace.value_name = "DURATION";
    grace.help = "The longest a task may take to end, whatever it asked for (30secs, 5mins).";
    verb.flags.flags = {
        grace,
        boolean_flag("mark-gone", "Mark the agent gone for ever when it is drained."),
        boolean_flag("wait", "Return when it is drained."),
        boolean_flag("cancel", "Take the drain back, and offer the agent again."),
        wait_timeout_flag(),
        yes_flag(),
        dry_run_flag(),
        master_flag()};
    return verb;
}

Verb deactivate_verb() {
    Verb verb = agent_verb_of("deactivate", deactivate);
    verb.manual.summary = "offer nothing of an agent any more, but leave its tasks";
    verb.manual.synopsis = {"deactivate [--dry-run] [OPTION]... AGENT"};
    verb.manual.description = {
        "Rescinds the offers of AGENT and makes no new ones, until tepui reactivate. Its tasks go "
        "on; tepui drain ends them too.",
    };
    verb.manual.examples = {{"tepui deactivate box1", "no new tasks there"}};
    verb.flags.flags = {dry_run_flag(), master_flag()};
    return verb;
}

Verb reactivate_verb() {
    Verb verb = agent_verb_of("reactivate", reactivate);
    verb.manual.summary = "offer a drained or deactivated agent again";
    verb.manual.synopsis = {"reactivate [--dry-run] [OPTION]... AGENT"};
    verb.manual.description = {
        "AGENT must be deactivated, or drained: while it still drains this is refused, and tepui "
        "drain --cancel helps.",
    };
    verb.manual.examples = {{"tepui reactivate box1", "after a drain"}};
    verb.flags.flags = {dry_run_flag(), master_flag()};
    return verb;
}

}  // namespace tepui::cli
