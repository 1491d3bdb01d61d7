#include "cli/verbs/change.h"

#include <fmt/core.h>

#include "cli/client/find_object.h"
#include "cli/suggest.h"
#include "cli/verbs/common.h"

namespace tepui::cli {

namespace {

Result<const SubCommand*> find_command(const Parsed& parsed,
                                       const std::vector<SubCommand>& commands) {
    if (parsed.words.empty()) return &commands.front();
    std::vector<std::string> names;
    for (const SubCommand& command : commands) {
        if (command.name == parsed.words[0]) {
            if (parsed.words.size() > command.words_min) return &command;
            return fail(Errc::invalid_argument, "name {}", command.wants);
        }
        names.push_back(command.name);
    }
    const auto near = nearest(parsed.words[0], names);
    std::string known;
    for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
    return fail(
        Errc::invalid_argument, "there is no '{}'{}", parsed.words[0],
        near ? fmt::format("; did you mean {}?", *near) : fmt::format("; there are {}", known));
}

}  // namespace

Flag dry_run_flag() {
    Flag flag;
    flag.name = "dry-run";
    flag.kind = FlagKind::boolean;
    flag.help = "Say what would change, and change nothing.";
    return flag;
}

asio::awaitable<Outcome> make_change(MasterApi& master, const Console& console,
                                     const Parsed& parsed, std::string what, Change change,
                                     std::string next, std::string question) {
    std::string lines;
    for (const std::string& line : change.lines) lines += line + '\n';
    if (parsed.enabled("dry-run")) {
        console.out(lines);
        for (const std::string& warning : change.warnings) console.out("  " + warning + '\n');
        console.err("tepui: nothing was changed (--dry-run)\n");
        co_return 0;
    }
    if (!question.empty()) {
        const auto agreed = confirm(console, parsed.enabled("yes"), question);
        if (!agreed) co_return give_up(what, agreed.error(), fmt::format("tepui {} --yes", what));
        if (!*agreed) {
            console.err("tepui: nothing was done\n");
            co_return static_cast<int>(Exit::failed);
        }
    }
    auto done = co_await master.call(std::move(change.call));
    if (!done) co_return call_failure(what, master, done.error(), next);
    console.out(lines);
    co_return 0;
}

asio::awaitable<Result<AgentAnswer>> ask_agent(MasterApi& master, std::string wanted) {
    auto agents = co_await master.call(mesos::v1::master::Call::GET_AGENTS);
    if (!agents) co_return std::unexpected(agents.error());
    co_return find_agent(*agents, wanted);
}

Outcome run_sub_command(const Console& console, const Parsed& parsed, const std::string& verb,
                        const std::vector<SubCommand>& commands) {
    const auto command = find_command(parsed, commands);
    if (!command) return usage_failure(verb, command.error().text);
    const SharingBody body = (*command)->body;
    return with_master(parsed, verb,
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await body(master, console, parsed);
                           co_return outcome;
                       });
}

std::unexpected<Failure> usage_failure(const std::string& verb, std::string text) {
    return give_up(verb, Error{Errc::invalid_argument, std::move(text)}, "tepui help " + verb);
}

}  // namespace tepui::cli
