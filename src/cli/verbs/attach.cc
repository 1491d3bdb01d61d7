#include <unistd.h>

#include <fmt/core.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "cli/client/container_session.h"
#include "cli/client/find_task.h"
#include "cli/client/terminal.h"
#include "cli/run/exit_status.h"
#include "cli/verbs/common.h"
#include "cli/verbs/task_place.h"
#include "cli/verbs/verbs.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using mesos::v1::agent::Call;

/// The status of a task whose output has ended; nothing when the cluster does not tell it soon.
asio::awaitable<std::optional<int>> ask_status(MasterApi& master, std::string task_id) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    constexpr int looks_max = 50;
    for (int look = 0; look < looks_max; ++look) {
        auto tasks = co_await master.call(mesos::v1::master::Call::GET_TASKS);
        if (!tasks) co_return std::nullopt;
        const auto task = find_task(all_tasks(*tasks), task_id);
        if (!task) co_return std::nullopt;
        if (is_terminal(task->state()) && task->statuses_size() > 0)
            co_return exit_status(*task->statuses().rbegin());
        timer.expires_after(100ms);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return std::nullopt;
}

/// Keys are passed on until Ctrl-P Ctrl-Q, which ends the stream of the output.
InputSource keys_of(std::shared_ptr<StandardInput> input, std::shared_ptr<DetachKeys> keys,
                    std::shared_ptr<http::ClientStream> stream) {
    return [=]() -> asio::awaitable<std::optional<std::string>> {
        for (;;) {
            auto bytes = co_await input->read();
            if (!bytes || bytes->empty()) co_return bytes;
            std::string passed = keys->pass(*bytes);
            if (keys->detached()) {
                stream->close();
                co_return std::nullopt;
            }
            if (!passed.empty()) co_return std::move(passed);
        }
    };
}

asio::awaitable<Outcome> attach(http::Client& client, MasterApi& master, const Console& console,
                                const Parsed& parsed) {
    auto place = co_await find_container("attach", master, parsed.words[0]);
    if (!place) co_return std::unexpected(place.error());
    const std::string id = place->task.task_id().value();
    Call call;
    call.set_type(Call::ATTACH_CONTAINER_OUTPUT);
    *call.mutable_attach_container_output()->mutable_container_id() = place->container;
    auto opened = co_await open_output(client, place->agent, std::move(call));
    if (!opened) {
        co_return give_up(fmt::format("attach to task {}", id), opened.error(),
                          fmt::format("tepui logs -f {}", id));
    }
    const std::shared_ptr<http::ClientStream> stream = std::move(*opened);
    const auto executor = co_await asio::this_coro::executor;
    const auto input = std::make_shared<StandardInput>(executor);
    const auto keys = std::make_shared<DetachKeys>();
    std::shared_ptr<InputPass> pass;
    std::optional<RawTerminal> raw;
    if (parsed.enabled("input")) {
        pass = std::make_shared<InputPass>(place->agent, place->container, console.in_is_terminal,
                                           keys_of(input, keys, stream));
        asio::co_spawn(executor, pass->run(), asio::detached);
        if (console.in_is_terminal) raw.emplace(STDIN_FILENO);
    }
    auto passed = co_await pass_output(*stream, console.out, console.err);
    raw.reset();
    input->stop();
    if (pass) pass->close();
    if (keys->detached()) {
        console.err(fmt::format("\ntepui: detached from task {}, which runs on\n", id));
        co_return 0;
    }
    if (!passed)
        co_return give_up(fmt::format("attach to task {}", id), passed.error(),
                          fmt::format("tepui describe task {}", id));
    auto status = co_await ask_status(master, id);
    co_return status.value_or(0);
}

Outcome run(const Console& console, const Parsed& parsed) {
    if (parsed.words.empty()) {
        return give_up("attach", Error{Errc::invalid_argument, "name the task"}, "tepui get tasks");
    }
    return with_master(parsed, "attach",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await attach(client, master, console, parsed);
                           co_return outcome;
                       });
}

}  // namespace

Verb attach_verb() {
    Verb verb;
    verb.manual.name = "attach";
    verb.manual.summary = "talk to a task that has a terminal";
    verb.manual.synopsis = {"attach [--no-input] [OPTION]... TASK"};
    verb.manual.description = {
        "Shows what TASK writes to its terminal from now on, and passes on what is typed. TASK is "
        "an id, the beginning of one, or a name; it has a terminal when it was launched with "
        "`container.tty_info`. Ctrl-P Ctrl-Q leaves, and the task runs on. When the task ends, "
        "its status is that of this program.",
        "A reader who is too slow is dropped: the task never waits for one.",
    };
    verb.manual.examples = {{"tepui attach console", "at the terminal of task console"},
                            {"tepui attach --no-input console", "only look"}};
    Flag input;
    input.name = "input";
    input.kind = FlagKind::boolean;
    input.fallback = "true";
    input.help = "Pass standard input on.";
    verb.flags.flags = {input, master_flag()};
    verb.flags.words_max = 1;
    verb.offers = {{"@tasks"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
