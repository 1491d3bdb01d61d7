#include <unistd.h>

#include <fmt/core.h>
#include <boost/asio/this_coro.hpp>

#include "cli/client/container_session.h"
#include "cli/client/find_task.h"
#include "cli/client/terminal.h"
#include "cli/verbs/common.h"
#include "cli/verbs/task_place.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

asio::awaitable<Outcome> execute(http::Client& client, MasterApi& master, const Console& console,
                                 const Parsed& parsed) {
    auto place = co_await find_container("exec", master, parsed.rest[0]);
    if (!place) co_return std::unexpected(place.error());
    SessionOptions options;
    options.parent = place->container;
    options.command.assign(parsed.rest.begin() + 1, parsed.rest.end());
    if (options.command.front() == "--") options.command.erase(options.command.begin());
    if (options.command.empty()) {
        co_return give_up("exec", Error{Errc::invalid_argument, "name a command"},
                          "tepui help exec");
    }
    options.user = parsed.value("user");
    options.terminal = parsed.enabled("tty");
    if (options.terminal && !console.in_is_terminal) {
        co_return give_up(
            "exec",
            Error{Errc::invalid_argument, "standard input is no terminal, as --tty needs it"},
            "tepui exec TASK COMMAND");
    }
    options.out = console.out;
    options.err = console.err;
    options.passes_signals = true;
    const auto executor = co_await asio::this_coro::executor;
    const auto input = std::make_shared<StandardInput>(executor);
    const bool passes = parsed.enabled("interactive") || options.terminal;
    options.input = [input, passes]() -> asio::awaitable<std::optional<std::string>> {
        if (!passes) co_return std::nullopt;
        auto bytes = co_await input->read();
        co_return bytes;
    };
    std::optional<RawTerminal> raw;
    if (options.terminal) raw.emplace(STDIN_FILENO);
    auto end = co_await run_session(client, place->agent, std::move(options));
    raw.reset();
    input->stop();
    if (!end) {
        co_return give_up(fmt::format("exec in task {}", place->task.task_id().value()),
                          end.error(),
                          fmt::format("tepui describe task {}", place->task.task_id().value()));
    }
    co_return code_of(*end);
}

Outcome run(const Console& console, const Parsed& parsed) {
    if (parsed.rest.size() < 2) {
        return give_up("exec", Error{Errc::invalid_argument, "name a task and a command"},
                       "tepui help exec");
    }
    return with_master(parsed, "exec",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await execute(client, master, console, parsed);
                           co_return outcome;
                       });
}

}  // namespace

Verb exec_verb() {
    Verb verb;
    verb.manual.name = "exec";
    verb.manual.summary = "run a command in a task's container";
    verb.manual.synopsis = {"exec [-i] [-t] [--user USER] [OPTION]... TASK COMMAND [ARGUMENT]..."};
    verb.manual.description = {
        "Runs COMMAND beside the running TASK: in its namespaces, cgroups and root filesystem, "
        "with its user, working directory and environment. TASK is an id, the beginning of one, "
        "or a name. It ends with the command's status; 128 and the signal's number when a signal "
        "ended it.",
        "The command lives as long as the connection: when this program or the agent goes, so "
        "does the command. Without --tty, SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command; "
        "the second one ends this program. With --tty the keys do.",
    };
    verb.manual.examples = {
        {"tepui exec -it web sh", "a shell in the container of task web"},
        {"tepui exec web cat /etc/hosts", "one command; its status is ours"},
        {"tepui exec -i web tar -xf - < site.tar", "what it reads comes from here"}};
    Flag interactive;
    interactive.name = "interactive";
    interactive.letter = 'i';
    interactive.kind = FlagKind::boolean;
    interactive.help = "Pass standard input on. Without it the command's is empty.";
    Flag tty;
    tty.name = "tty";
    tty.letter = 't';
    tty.kind = FlagKind::boolean;
    tty.help = "Give the command a terminal of the size of this one, and pass every key on.";
    Flag user;
    user.name = "user";
    user.letter = 'u';
    user.value_name = "USER";
    user.help = "Whom the command runs as; the task's user unless said.";
    verb.flags.flags = {interactive, tty, user, master_flag()};
    verb.flags.words_end_flags = true;
    verb.offers = {{"@tasks"}, {}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
