#include <fmt/core.h>

#include "cli/client/master_api.h"
#include "cli/suggest.h"
#include "cli/verbs/get_tables.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

const std::vector<std::string> kinds = {"agents", "frameworks", "tasks", "offers", "roles"};
const std::vector<std::string> formats = {"table", "wide", "json", "name"};

/// "agent" and "agents" are the same kind.
Result<std::string> parse_kind(const Parsed& parsed) {
    if (parsed.words.empty()) {
        return fail(Errc::invalid_argument,
                    "name a kind: agents, frameworks, tasks, offers or roles");
    }
    for (const std::string& kind : kinds) {
        if (parsed.words[0] == kind || parsed.words[0] + "s" == kind) return kind;
    }
    const auto near = nearest(parsed.words[0], kinds);
    return fail(Errc::invalid_argument, "there is no kind '{}'{}", parsed.words[0],
                near ? fmt::format("; did you mean {}?", *near)
                     : "; there are agents, frameworks, tasks, offers and roles");
}

asio::awaitable<Result<ClusterView>> load(MasterApi& master, const std::string& kind) {
    ClusterView view;
    if (kind == "roles") {
        TEPUI_CO_ASSIGN(view.roles, co_await master.call(Call::GET_ROLES));
        co_return view;
    }
    if (kind != "frameworks") {
        TEPUI_CO_ASSIGN(view.agents, co_await master.call(Call::GET_AGENTS));
    }
    if (kind != "agents") {
        TEPUI_CO_ASSIGN(view.frameworks, co_await master.call(Call::GET_FRAMEWORKS));
    }
    if (kind == "tasks" || kind == "frameworks") {
        TEPUI_CO_ASSIGN(view.tasks, co_await master.call(Call::GET_TASKS));
    }
    co_return view;
}

Listing list(const ClusterView& view, const std::string& kind, bool wide, bool all) {
    if (kind == "agents") return list_agents(view, wide);
    if (kind == "frameworks") return list_frameworks(view, wide, all);
    if (kind == "tasks") return list_tasks(view, wide, all);
    if (kind == "offers") return list_offers(view, wide);
    return list_roles(view, wide);
}

std::string render(const Listing& listing, const std::string& format, bool color) {
    std::string text;
    if (format == "json") {
        for (const Listed& item : listing.items) text += (text.empty() ? "" : ",\n ") + item.json;
        return "[" + text + "]\n";
    }
    if (format == "name") {
        for (const Listed& item : listing.items) text += item.id + '\n';
        return text;
    }
    Table table(listing.columns);
    for (const Listed& item : listing.items) table.add(item.row);
    return table.render(color);
}

asio::awaitable<Outcome> show(MasterApi& master, const Console& console, const Parsed& parsed,
                              std::string kind) {
    auto view = co_await load(master, kind);
    if (!view) co_return master_failure("get " + kind, master, view.error());
    const std::string format = parsed.value("output");
    // Something asked for by name is shown whether it has ended or not.
    const bool all = parsed.enabled("all") || parsed.words.size() > 1;
    const std::vector<std::string> wanted(parsed.words.begin() + 1, parsed.words.end());
    auto chosen = select(list(*view, kind, format == "wide", all), wanted, kind);
    if (!chosen) co_return give_up("get", chosen.error(), fmt::format("tepui get {}", kind));
    if (chosen->items.empty() && (format == "table" || format == "wide")) {
        console.err(fmt::format("tepui: there are no {}\n", kind));
        co_return 0;
    }
    console.out(render(*chosen, format, console.color));
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    const auto kind = parse_kind(parsed);
    if (!kind) return give_up("get", kind.error(), "tepui help get");
    return with_master(parsed, "get",
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await show(master, console, parsed, *kind);
                           co_return outcome;
                       });
}

Manual manual() {
    Manual page;
    page.name = "get";
    page.summary = "list agents, frameworks, tasks, offers or roles";
    page.synopsis = {"get agents|frameworks|tasks|offers|roles [OPTION]... [ID]..."};
    page.description = {
        "Lists what the leading master knows. With IDs, only what they select: the beginning of an "
        "id is "
        "enough, and a name or host name will do. Amounts of agents are used/total.",
        "-o json prints an array of the v1 operator API's own messages (GET_AGENTS, "
        "GET_FRAMEWORKS, "
        "GET_TASKS, GET_ROLES; offers are mesos.v1.Offer): they only ever gain fields.",
    };
    page.examples = {
        {"tepui get agents", "the machines of the cluster"},
        {"tepui get tasks --all -o wide", "ended tasks too, with their last message"},
        {"tepui get tasks -o name", "ids only, for scripts"},
        {"tepui get frameworks web -o json", "one framework in full"},
    };
    return page;
}

FlagSet flags() {
    FlagSet set;
    set.words_max = 1000;
    Flag output;
    output.name = "output";
    output.letter = 'o';
    output.value_name = "FORMAT";
    output.fallback = "table";
    output.help = "table, wide (more columns), json, or name (ids only).";
    output.check = [](std::string_view text) -> Result<void> {
        if (std::find(formats.begin(), formats.end(), text) != formats.end()) return {};
        return fail(Errc::invalid_argument, "'{}' is none of table, wide, json and name", text);
    };
    Flag all;
    all.name = "all";
    all.letter = 'a';
    all.kind = FlagKind::boolean;
    all.help = "Also tasks that have ended and frameworks that are completed.";
    set.flags = {output, all, master_flag()};
    return set;
}

}  // namespace

Verb get_verb() { return Verb{manual(), flags(), run}; }

}  // namespace tepui::cli
