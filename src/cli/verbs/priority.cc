#include <fmt/core.h>

#include "cli/output/format.h"
#include "cli/verbs/change.h"
#include "cli/verbs/common.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/verbs.h"
#include "cli/view/priorities.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

constexpr const char* route = "/tepui/priorities";

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return usage_failure("priority", format.error().text);
    auto now = co_await ask_priorities(master);
    if (!now) co_return master_failure("priority list", master, now.error());
    Listing listing{{{"ROLE"}, {"PRIORITY", Table::Align::right}}, {}};
    for (const auto& [role, band] : *now) {
        listing.items.push_back(
            {role, "", {role, std::to_string(band)}, priorities_body({{role, band}})});
    }
    co_return print_listing(console, listing, *format, "priority list",
                            "every role has priority 0");
}

asio::awaitable<Outcome> put(MasterApi& master, const Console& console, const std::string& what,
                             const Priorities& wanted, const std::string& lines) {
    auto request = json_request("PUT", route, priorities_body(wanted));
    auto done = co_await master.ask(std::move(request));
    if (!done) co_return ask_failure(what, what, master, done.error(), "tepui priority list");
    console.out(lines);
    co_return 0;
}

asio::awaitable<Outcome> change(MasterApi& master, const Console& console, const Parsed& parsed) {
    const std::string what = "priority " + parsed.words[0];
    const std::vector<std::string> words(parsed.words.begin() + 1, parsed.words.end());
    auto now = co_await ask_priorities(master);
    if (!now) co_return master_failure(what, master, now.error());
    auto wanted =
        parsed.words[0] == "set" ? parse_priority_words(words) : removed_priorities(*now, words);
    if (!wanted && wanted.error().code == Errc::not_found) {
        co_return give_up(what, wanted.error(), "tepui priority list");
    }
    if (!wanted) co_return usage_failure("priority", wanted.error().text);
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure(what, master, tasks.error());
    const PriorityPlan plan = plan_priorities(*now, *wanted, *tasks);
    std::string lines;
    for (const auto& line : plan.lines) lines += line + "\n";
    for (const auto& warning : plan.warnings) console.err("tepui: " + warning + "\n");
    if (parsed.enabled("dry-run")) {
        console.out(lines);
        console.err("tepui: nothing was changed (--dry-run)\n");
        co_return 0;
    }
    auto outcome = co_await put(master, console, what, *wanted, lines);
    co_return outcome;
}

Outcome run(const Console& console, const Parsed& parsed) {
    return run_sub_command(console, parsed, "priority",
                           {{"list", 0, "", list},
                            {"set", 1, "a role: set prod=10", change},
                            {"remove", 1, "a role: remove prod", change}});
}

}  // namespace

asio::awaitable<Result<Priorities>> ask_priorities(MasterApi& master) {
    http::ClientRequest request;
    request.url.target = route;
    auto body = co_await master.ask(std::move(request));
    if (!body) co_return std::unexpected(body.error());
    co_return parse_priorities(*body);
}

Verb priority_verb() {
    Verb verb;
    verb.manual.name = "priority";
    verb.manual.summary = "which roles come before others, and make them give way";
    verb.manual.synopsis = {"priority [list] [OPTION]...",
                            "priority set [--dry-run] [OPTION]... ROLE=BAND...",
                            "priority remove [--dry-run] [OPTION]... ROLE..."};
    verb.manual.description = {
        "Roles of a higher band are offered resources before those of lower ones; all have 0 until "
        "told otherwise. Only roles at the top have a band, those below share it.",
        "When a role of a higher band goes without what its quota guarantees, or without an offer "
        "as large as its frameworks say they need, lower ones are asked to make room, and tasks "
        "that do not are ended: the master's --preemption_after and --preemption_notice.",
    };
    verb.manual.examples = {{"tepui priority set --dry-run prod=10", "whom would it displace?"},
                            {"tepui priority set prod=10 test=-10", "prod first, test last"},
                            {"tepui priority remove test", "like all others again"}};
    verb.flags.flags = {output_flag(), dry_run_flag(), master_flag()};
    verb.flags.words_max = 1000;
    verb.offers = {{"list", "set", "remove"}, {"@roles"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
