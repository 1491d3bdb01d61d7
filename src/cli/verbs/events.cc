#include <fmt/core.h>

#include "cli/client/event_stream.h"
#include "cli/client/find_object.h"
#include "cli/flags/checks.h"
#include "cli/verbs/common.h"
#include "cli/verbs/verbs.h"
#include "cli/view/event_story.h"
#include "cli/view/text.h"

namespace tepui::cli {

namespace {

using mesos::v1::master::Call;
using mesos::v1::master::Event;

/// Reads names and beginnings of ids in the filter by what there is.
asio::awaitable<Result<EventFilter>> resolve(MasterApi& master, const Parsed& parsed) {
    EventFilter filter;
    filter.role = parsed.value("role");
    filter.kinds = parsed.list("kind");
    if (parsed.given("framework")) {
        auto frameworks = co_await master.call(Call::GET_FRAMEWORKS);
        if (!frameworks) co_return std::unexpected(frameworks.error());
        const auto found = find_framework(*frameworks, parsed.value("framework"));
        if (!found) co_return std::unexpected(found.error());
        filter.framework = found->framework.framework_info().id().value();
    }
    if (parsed.given("agent")) {
        auto agents = co_await master.call(Call::GET_AGENTS);
        if (!agents) co_return std::unexpected(agents.error());
        const auto found = find_agent(*agents, parsed.value("agent"));
        if (!found) co_return std::unexpected(found.error());
        filter.agent = found->agent_info().id().value();
    }
    co_return filter;
}

void print_lines(const Console& console, const std::vector<EventLine>& lines) {
    std::string text;
    for (const EventLine& line : lines) {
        const std::string_view escape = console.color ? Table::escape_of(line.tone) : "";
        text += fmt::format("{}  {:<9}  {}{}{}\n", time_text(line.time), line.kind, escape,
                            printable(line.text), escape.empty() ? "" : "\033[0m");
    }
    if (!text.empty()) console.out(text);
}

asio::awaitable<Outcome> follow(MasterApi& master, const Console& console, const Parsed& parsed) {
    auto filter = co_await resolve(master, parsed);
    if (!filter) {
        const bool missing =
            filter.error().code == Errc::not_found || filter.error().code == Errc::conflict;
        if (missing)
            co_return give_up("events", filter.error(), "tepui get frameworks, tepui get agents");
        co_return master_failure("events", master, filter.error());
    }
    const bool json = parsed.value("output") == "json";
    const bool watch = parsed.enabled("watch");
    EventStory story(std::move(*filter), !watch);
    const auto on_event = [&](const EventRecord& record) {
        const auto lines = story.feed(record.event, wall_seconds());
        if (!json) {
            print_lines(console, lines);
        } else if (story.wants(record.event) || record.event.type() == Event::SUBSCRIBED) {
            console.out(record.json + '\n');
        }
        return watch;
    };
    const auto say = [&](const std::string& text) { console.err("tepui: " + text + '\n'); };
    EventFollower follower(master, on_event, say);
    auto followed = co_await follower.run();
    if (!followed) co_return master_failure("events", master, followed.error());
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    return with_master(parsed, "events",
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await follow(master, console, parsed);
                           co_return outcome;
                       });
}

Flag value_flag(std::string name, std::string value_name, std::string help) {
    Flag flag;
    flag.name = std::move(name);
    flag.value_name = std::move(value_name);
    flag.help = std::move(help);
    return flag;
}

}  // namespace

Verb events_verb() {
    Verb verb;
    verb.manual.name = "events";
    verb.manual.summary = "show what happens in the cluster";
    verb.manual.synopsis = {"events [-w] [OPTION]..."};
    verb.manual.description = {
        "With -w, a line for each task, agent and framework that comes, changes or goes, from now "
        "on and until Ctrl-C. When the connection to the master breaks it says so, connects again "
        "and tells what changed meanwhile. Without -w, a line for each that there is now.",
        "-o json prints the events of the v1 operator API, one in a line; the first is SUBSCRIBED "
        "with a snapshot.",
    };
    verb.manual.examples = {
        {"tepui events -w", "everything"},
        {"tepui events -w --framework marathon --kind task", "the tasks of one framework"},
        {"tepui events -w -o json --kind agent", "for programs"}};
    Flag watch;
    watch.name = "watch";
    watch.letter = 'w';
    watch.kind = FlagKind::boolean;
    watch.help = "Go on with what happens from now on.";
    Flag output = value_flag("output", "FORMAT", "text or json.");
    output.letter = 'o';
    output.fallback = "text";
    output.offers = {"text", "json"};
    output.check = one_of({"text", "json"});
    Flag kind = value_flag("kind", "KIND",
                           "Only these: task, agent, framework, or one kind of event such as "
                           "task_updated.");
    kind.kind = FlagKind::list;
    const std::vector<std::string> kinds = {"task",
                                            "agent",
                                            "framework",
                                            "task_added",
                                            "task_updated",
                                            "agent_added",
                                            "agent_removed",
                                            "framework_added",
                                            "framework_updated",
                                            "framework_removed"};
    kind.offers = kinds;
    kind.check = one_of(kinds);
    Flag framework = value_flag(
        "framework", "ID", "Only what concerns this framework: an id, its beginning, or a name.");
    framework.offers = {"@frameworks"};
    Flag agent = value_flag("agent", "ID",
                            "Only what concerns this agent: an id, its beginning, or a host name.");
    agent.offers = {"@agents"};
    Flag role =
        value_flag("role", "ROLE", "Only tasks and frameworks of this role or one beneath it.");
    role.offers = {"@roles"};
    verb.flags.flags = {watch, output, framework, agent, role, kind, master_flag()};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
