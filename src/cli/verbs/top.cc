#include <fmt/core.h>

#include "cli/client/find_task.h"
#include "cli/flags/checks.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "cli/view/top_rows.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

/// Asks all agents for what their containers use, some at once.
class UsageRound {
public:
    UsageRound(http::Client& client, const mesos::v1::master::Response& agents) : client_(client) {
        for (const auto& agent : agents.get_agents().agents()) {
            const std::string& id = agent.agent_info().id().value();
            const auto address = agent_address(agents, id);
            if (address && agent.active()) waiting_.emplace_back(id, *address);
        }
    }

    asio::awaitable<std::map<std::string, AgentUsage>> run() {
        constexpr std::size_t at_once = 16;
        const auto executor = co_await asio::this_coro::executor;
        done_ = std::make_unique<asio::steady_timer>(executor);
        done_->expires_at(asio::steady_timer::time_point::max());
        running_ = std::min(at_once, waiting_.size());
        for (std::size_t i = running_; i > 0; --i) {
            asio::co_spawn(executor, work(), asio::detached);
        }
        boost::system::error_code ignored;
        while (running_ > 0) {
            co_await done_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        co_return std::move(usage_);
    }

private:
    asio::awaitable<void> work() {
        while (!waiting_.empty()) {
            const auto [id, address] = waiting_.back();
            waiting_.pop_back();
            AgentFiles agent(client_, address);
            auto answer = co_await agent.get("/monitor/statistics");
            // An agent that does not answer shows '?' for what it uses.
            if (answer) usage_[id] = read_usage(*answer);
        }
        if (--running_ == 0) done_->cancel();
    }

    http::Client& client_;
    std::vector<std::pair<std::string, std::string>> waiting_;
    std::map<std::string, AgentUsage> usage_;
    std::size_t running_ = 0;
    std::unique_ptr<asio::steady_timer> done_;
};

asio::awaitable<Result<void>> look(http::Client& client, MasterApi& master, TopView& view) {
    TEPUI_CO_ASSIGN(view.agents, co_await master.call(Call::GET_AGENTS));
    TEPUI_CO_ASSIGN(view.frameworks, co_await master.call(Call::GET_FRAMEWORKS));
    TEPUI_CO_ASSIGN(view.tasks, co_await master.call(Call::GET_TASKS));
    UsageRound round(client, view.agents);
    view.before = std::move(view.now);
    view.now = co_await round.run();
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
