#include <fmt/core.h>

#include "cli/client/event_stream.h"
#include "cli/flags/checks.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "cli/view/wait_core.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

/// Runs one wait: feeds the core with the event stream, and for agents and frameworks with
/// snapshots too, because the stream does not tell when they lose their connection.
class Wait {
public:
    Wait(MasterApi& master, WaitGoal goal, const Console& console)
        : core_(std::move(goal)),
          master_(master),
          follower_(
              master, [this](const EventRecord& record) { return feed(record.event); },
              [&console](const std::string& text) { console.err("tepui: " + text + '\n'); }) {}

    asio::awaitable<Result<void>> run(std::optional<Duration> timeout, bool look_too) {
        const auto executor = co_await asio::this_coro::executor;
        auto alive = std::make_shared<bool>(true);
        asio::steady_timer deadline(executor);
        if (timeout) {
            deadline.expires_after(*timeout);
            deadline.async_wait([this](boost::system::error_code error) {
                if (!error) end(fail(Errc::timeout, "it is {}", seen_text()));
            });
        }
        if (look_too) asio::co_spawn(executor, look(alive), asio::detached);
        auto followed = co_await follower_.run();
        *alive = false;
        deadline.cancel();
        if (result_) co_return *result_;
        co_return followed;
    }
    const WaitCore& core() const { return core_; }

private:
    std::string seen_text() const { return core_.seen().empty() ? "not seen yet" : core_.seen(); }

    void end(Result<void> result) {
        if (!result_) result_ = std::move(result);
        follower_.stop();
    }

    bool feed(const mesos::v1::master::Event& event) {
        if (result_) return false;
        const auto verdict = core_.feed(event);
        if (!verdict) end(std::unexpected(verdict.error()));
        if (verdict && *verdict == WaitCore::Verdict::reached) end({});
        return !result_;
    }

    asio::awaitable<void> look(std::shared_ptr<bool> alive) {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (*alive) {
            timer.expires_after(1s);
            boost::system::error_code ignored;
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            if (!*alive) co_return;
            auto state = co_await master_.call(Call::GET_STATE);
            if (!*alive) co_return;
            if (!state) continue;  // A master that is away says nothing about the object.
            mesos::v1::master::Event event;
            event.set_type(mesos::v1::master::Event::SUBSCRIBED);
            *event.mutable_subscribed()->mutable_get_state() = state->get_state();
            if (!feed(event)) co_return;
        }
    }

    WaitCore core_;
    MasterApi& master_;
    std::optional<Result<void>> result_;
    EventFollower follower_;
};

asio::awaitable<Outcome> wait(MasterApi& master, const Console& console, WaitGoal goal,
                              std::optional<Duration> timeout) {
    const std::string what =
        fmt::format("wait for {} {} to be {}", goal.kind, goal.wanted, goal.state);
    const std::string next = goal.kind == "task" ? "tepui describe task " + goal.wanted
                                                 : fmt::format("tepui get {}s", goal.kind);
    const bool look_too = goal.kind != "task";
    Wait waiting(master, std::move(goal), console);
    auto ended = co_await waiting.run(timeout, look_too);
    if (!ended) {
        if (ended.error().code == Errc::not_found || waiting.core().id().empty()) {
            if (ended.error().code == Errc::io) {
                co_return master_failure("wait", master, ended.error());
            }
        }
        co_return give_up(what, ended.error(), next);
    }
    console.out(waiting.core().id() + '\n');
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    const auto usage = [](std::string text) {
        return give_up("wait", Error{Errc::invalid_argument, std::move(text)}, "tepui help wait");
    };
    if (!parsed.given("for")) return usage("say what for: --for running");
    if (parsed.words.size() != 2) return usage("name a kind and an id: task web-1");
    WaitGoal goal{parsed.words[0], parsed.words[1], parsed.value("for")};
    for (char& c : goal.state) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    if (goal.state.starts_with("task_")) goal.state = goal.state.substr(5);
    const auto checked = check_goal(goal);
    if (!checked) return usage(checked.error().text);
    std::optional<Duration> timeout;
    if (parsed.given("timeout")) {
        const auto duration = parse_duration(parsed.value("timeout"));
        if (!duration) return usage(duration.error().text);
        timeout = *duration;
    }
    return with_master(parsed, "wait",
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await wait(master, console, goal, timeout);
                           co_return outcome;
                       });
}

}  // namespace

Verb wait_verb() {
    Verb verb;
    verb.manual.name = "wait";
    verb.manual.summary = "wait until a task, a framework or an agent is in a state";
    verb.manual.synopsis = {"wait --for STATE [--timeout DURATION] task|framework|agent ID"};
    verb.manual.description = {
        "Returns as soon as the object is in the state, and prints its id. It follows the master's "
        "events and goes on when the master is restarted.",
        "States of a task are those of Mesos without TASK_ (running, finished, failed, killed, "
        "...), and also `ended` (whichever way) and `healthy`; a state that the task has gone "
        "through already counts. Of a framework: active, inactive, disconnected, removed. Of an "
        "agent: active, disconnected, deactivated, draining, drained, removed.",
        "It fails with 1 as soon as the state cannot come any more, because the task ended "
        "otherwise or the object was removed.",
    };
    verb.manual.examples = {
        {"tepui wait --for running task web", "until it runs"},
        {"tepui wait --for ended --timeout 5mins task job-7", "at most five minutes"},
        {"tepui wait --for removed agent box3", "until the machine has left"}};
    Flag state;
    state.name = "for";
    state.value_name = "STATE";
    state.help = "The state to wait for.";
    state.offers = goal_states();
    verb.flags.flags = {state, wait_timeout_flag(), master_flag()};
    verb.flags.words_max = 2;
    verb.offers = {{"agent", "framework", "task"}, {"@kind"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
