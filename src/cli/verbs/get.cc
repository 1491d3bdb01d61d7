#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/suggest.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

/// "agent" and "agents" are the same kind.
Result<std::string> parse_kind(const Parsed& parsed) {
    const auto& kinds = get_kinds();
    if (parsed.words.empty()) {
        return fail(Errc::invalid_argument, "name a kind: {}", fmt::join(kinds, ", "));
    }
    for (const std::string& kind : kinds) {
        if (parsed.words[0] == kind || parsed.words[0] + "s" == kind) return kind;
    }
    const auto near = nearest(parsed.words[0], kinds);
    return fail(Errc::invalid_argument, "there is no kind '{}'{}", parsed.words[0],
                near ? fmt::format("; did you mean {}?", *near)
                     : fmt::format("; there are {}", fmt::join(kinds, ", ")));
}

Result<GetQuery> parse_query(const Parsed& parsed) {
    GetQuery query;
    query.kind = TEPUI_TRY(parse_kind(parsed));
    query.format = TEPUI_TRY(OutputFormat::parse(parsed.value("output")));
    query.wanted.assign(parsed.words.begin() + 1, parsed.words.end());
    // Something asked for by name is shown whether it has ended or not.
    query.all = parsed.enabled("all") || !query.wanted.empty();
    return query;
}

asio::awaitable<Outcome> show(MasterApi& master, const Console& console, GetQuery query) {
    auto view = co_await load_view(master, query.kind);
    if (!view) co_return master_failure("get " + query.kind, master, view.error());
    const auto chosen = list_view(*view, query);
    if (!chosen) co_return give_up("get", chosen.error(), fmt::format("tepui get {}", query.kind));
    co_return print_listing(console, *chosen, query.format, "get",
                            fmt::format("there are no {}", query.kind));
}

Outcome run(const Console& console, const Parsed& parsed) {
    const auto query = parse_query(parsed);
    if (!query) return give_up("get", query.error(), "tepui help get");
    const bool watch = parsed.enabled("watch");
    return with_master(parsed, "get",
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           Outcome outcome;
                           if (watch) {
                               outcome = co_await watch_listing(master, console, *query);
                           } else {
                               outcome = co_await show(master, console, *query);
                           }
                           co_return outcome;
                       });
}

Manual manual() {
    Manual page;
    page.name = "get";
    page.summary = "list agents, frameworks, tasks, executors, offers or roles";
    page.synopsis = {"get agents|frameworks|tasks|executors|offers|roles [OPTION]... [ID]..."};
    page.description = {
        "Lists what the leading master knows. With IDs, only what they select: the beginning of an "
        "id is enough, and a name or host name will do. Amounts of agents are used/total.",
        "-o json prints an array of the v1 operator API's own messages (GET_AGENTS, "
        "GET_FRAMEWORKS, GET_TASKS, GET_EXECUTORS, GET_ROLES; offers are mesos.v1.Offer): they "
        "only ever gain fields. -o yaml is the same document, and what jsonpath works on.",
        "With -w it goes on until Ctrl-C: on a terminal the table is drawn anew when something "
        "changes; elsewhere each row that is new or has changed is printed, without brackets "
        "around JSON.",
    };
    page.examples = {
        {"tepui get agents", "the machines of the cluster"},
        {"tepui get tasks --all -o wide", "ended tasks too, with their last message"},
        {"tepui get tasks -o name", "ids only, for scripts"},
        {"tepui get frameworks web -o yaml", "one framework in full"},
        {"tepui get tasks -o jsonpath='{[?(@.state==\"TASK_RUNNING\")].task_id.value}'",
         "ids of what runs"},
        {"tepui get tasks -w", "as they come and go"},
    };
    return page;
}

FlagSet flags() {
    FlagSet set;
    set.words_max = 1000;
    Flag all;
    all.name = "all";
    all.letter = 'a';
    all.kind = FlagKind::boolean;
    all.help = "Also tasks that have ended and frameworks that are completed.";
    Flag watch;
    watch.name = "watch";
    watch.letter = 'w';
    watch.kind = FlagKind::boolean;
    watch.help = "Go on with what changes.";
    set.flags = {output_flag(), all, watch, master_flag()};
    return set;
}

}  // namespace

Verb get_verb() { return Verb{manual(), flags(), run, {get_kinds(), {"@kind"}}}; }

}  // namespace tepui::cli
