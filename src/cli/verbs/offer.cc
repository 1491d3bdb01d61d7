#include <fmt/core.h>

#include "cli/output/format.h"
#include "cli/verbs/change.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/offer_tables.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

asio::awaitable<Result<JsonValue>> ask_offers(MasterApi& master) {
    http::ClientRequest request;
    request.url.target = "/tepui/offers";
    auto body = co_await master.ask(std::move(request));
    if (!body) co_return std::unexpected(body.error());
    co_return parse_json(*body);
}

std::vector<std::string> words_after_command(const Parsed& parsed) {
    if (parsed.words.empty()) return {};
    return {parsed.words.begin() + 1, parsed.words.end()};
}

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return usage_failure("offer", format.error().text);
    auto offers = co_await ask_offers(master);
    if (!offers) co_return master_failure("offer list", master, offers.error());
    const bool wide = format->kind == OutputFormat::Kind::wide;
    const auto listing = list_open_offers(*offers, wide, words_after_command(parsed));
    if (!listing) co_return give_up("offer list", listing.error(), "tepui offer list");
    co_return print_listing(console, *listing, *format, "offer list", "there are no open offers");
}

asio::awaitable<Outcome> rescind(MasterApi& master, const Console& console, const Parsed& parsed) {
    const std::string what = "offer rescind";
    const std::string next = "tepui offer list";
    auto offers = co_await ask_offers(master);
    if (!offers) co_return master_failure(what, master, offers.error());
    const auto plan = plan_rescind(*offers, words_after_command(parsed));
    if (!plan) co_return give_up(what, plan.error(), next);
    std::string lines;
    for (const std::string& line : plan->lines) lines += line + '\n';
    if (parsed.enabled("dry-run")) {
        console.out(lines);
        console.err("tepui: nothing was changed (--dry-run)\n");
        co_return 0;
    }
    auto request = json_request("POST", "/tepui/rescind-offer", rescind_body(*plan));
    auto done = co_await master.ask(std::move(request));
    if (!done) co_return ask_failure(what, what, master, done.error(), next);
    console.out(lines);
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    return run_sub_command(
        console, parsed, "offer",
        {{"list", 0, "", list}, {"rescind", 1, "an offer: rescind ID", rescind}});
}

}  // namespace

Verb offer_verb() {
    Verb verb;
    verb.manual.name = "offer";
    verb.manual.summary = "offers that frameworks have not answered yet, and take some back";
    verb.manual.synopsis = {"offer [list] [OPTION]... [OFFER|FRAMEWORK|AGENT]...",
                            "offer rescind [--dry-run] [OPTION]... ID..."};
    verb.manual.description = {
        "list shows open offers, the oldest first: all, or those that are named by the beginning "
        "of their id, their framework or their agent.",
        "rescind takes offers back: their frameworks are told, and what was in them is offered "
        "anew, to whoever comes first then. Tasks are not touched. The beginning of an id is "
        "enough. Unless all of them are open still, nothing is done.",
    };
    verb.manual.examples = {
        {"tepui offer list", "who sits on what?"},
        {"tepui offer rescind --dry-run 7a1f-O12", "whose offer is that?"},
        {"tepui offer rescind $(tepui offer list -o name web)", "all that framework web holds"}};
    verb.flags.flags = {output_flag(), dry_run_flag(), master_flag()};
    verb.flags.words_max = 1000;
    verb.offers = {{"list", "rescind"}, {"@offers"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
