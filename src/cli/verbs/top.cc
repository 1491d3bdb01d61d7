#include <fmt/core.h>

#include "cli/client/agent_round.h"
#include "cli/flags/checks.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "cli/view/top_rows.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

asio::awaitable<Result<void>> look(http::Client& client, MasterApi& master, TopView& view) {
    TEPUI_CO_ASSIGN(view.agents, co_await master.call(Call::GET_AGENTS));
    TEPUI_CO_ASSIGN(view.frameworks, co_await master.call(Call::GET_FRAMEWORKS));
    TEPUI_CO_ASSIGN(view.tasks, co_await master.call(Call::GET_TASKS));
    const auto answers = co_await ask_agents(client, view.agents, "/monitor/statistics");
    view.before = std::exchange(view.now, {});
    // An agent that does not answer shows '?' for what it uses.
    for (const auto& [id, agent] : answers) {
        if (agent.answer) view.now[id] = read_usage(*agent.answer);
    }
    co_return Result<void>{};
}

asio::awaitable<void> pause(Duration span) {
    asio::steady_timer timer(co_await asio::this_coro::executor, span);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<Outcome> show(http::Client& client, MasterApi& master, const Console& console,
                              const Parsed& parsed) {
    const bool once = parsed.enabled("once") || !console.out_is_terminal;
    const auto interval = parse_duration(parsed.value("interval"));
    if (!interval) co_return give_up("top", interval.error(), "tepui help top");
    const std::string sort = parsed.value("sort");
    TopView view;
    auto looked = co_await look(client, master, view);
    if (!looked) co_return master_failure("top", master, looked.error());
    // CPU use is work between two looks.
    for (bool first = true;; first = false) {
        co_await pause(first ? std::min(*interval, Duration(1s)) : *interval);
        looked = co_await look(client, master, view);
        if (!looked && (once || first)) co_return master_failure("top", master, looked.error());
        std::string text;
        if (!once) text = "\033[H\033[2J";
        text += looked ? render_top(view, sort, console.color)
                       : fmt::format("the master does not answer: {}\n", looked.error().text);
        console.out(text);
        if (once) co_return 0;
    }
}

Outcome run(const Console& console, const Parsed& parsed) {
    return with_master(parsed, "top",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await show(client, master, console, parsed);
                           co_return outcome;
                       });
}

}  // namespace

Verb top_verb() {
    Verb verb;
    verb.manual.name = "top";
    verb.manual.summary = "show who uses the processors and the memory";
    verb.manual.synopsis = {"top [--once] [--sort cpu|mem|name] [OPTION]..."};
    verb.manual.description = {
        "Agents and frameworks with what their containers really use, what is allocated to them, "
        "and of agents the total, the greatest first. On a terminal the table is drawn anew every "
        "--interval until Ctrl-C; elsewhere, or with --once, it is printed once, after a second of "
        "measuring. An agent that does not answer shows '?'.",
    };
    verb.manual.examples = {{"tepui top", "live"}, {"tepui top --once --sort mem", "for a report"}};
    Flag once;
    once.name = "once";
    once.kind = FlagKind::boolean;
    once.help = "Print once and end.";
    Flag sort;
    sort.name = "sort";
    sort.value_name = "BY";
    sort.fallback = "cpu";
    sort.help = "cpu, mem or name.";
    sort.offers = {"cpu", "mem", "name"};
    sort.check = one_of({"cpu", "mem", "name"});
    Flag interval;
    interval.name = "interval";
    interval.value_name = "DURATION";
    interval.fallback = "2secs";
    interval.help = "Time between two looks, from 1secs to 1hrs.";
    interval.check = duration_between(1s, 1h);
    verb.flags.flags = {once, sort, interval, master_flag()};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
