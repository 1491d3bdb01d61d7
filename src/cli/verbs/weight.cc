#include <fmt/core.h>

#include "cli/output/format.h"
#include "cli/verbs/change.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/verbs.h"
#include "cli/view/text.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return usage_failure("weight", format.error().text);
    auto answer = co_await master.call(Call::GET_WEIGHTS);
    if (!answer) co_return master_failure("weight list", master, answer.error());
    Listing listing{{{"ROLE"}, {"WEIGHT", Table::Align::right}}, {}};
    for (const auto& info : answer->get_weights().weight_infos()) {
        listing.items.push_back({info.role(),
                                 "",
                                 {info.role(), number_text(info.weight())},
                                 wire::message_to_json(info)});
    }
    co_return print_listing(console, listing, *format, "weight list", "every role has weight 1");
}

asio::awaitable<Outcome> set(MasterApi& master, const Console& console, const Parsed& parsed) {
    auto weights = co_await master.call(Call::GET_WEIGHTS);
    if (!weights) co_return master_failure("weight set", master, weights.error());
    auto change = plan_weights(*weights, {parsed.words.begin() + 1, parsed.words.end()});
    if (!change) co_return usage_failure("weight", change.error().text);
    auto outcome = co_await make_change(master, console, parsed, "weight set", std::move(*change),
                                        "tepui weight list");
    co_return outcome;
}

Outcome run(const Console& console, const Parsed& parsed) {
    return run_sub_command(console, parsed, "weight",
                           {{"list", 0, "", list}, {"set", 1, "a role: set prod=2", set}});
}

}  // namespace

Verb weight_verb() {
    Verb verb;
    verb.manual.name = "weight";
    verb.manual.summary = "how much a role counts when resources are shared";
    verb.manual.synopsis = {"weight [list] [OPTION]...",
                            "weight set [--dry-run] [OPTION]... ROLE=WEIGHT..."};
    verb.manual.description = {
        "A role with weight 2 gets twice the share of one with weight 1, which all roles have "
        "until "
        "told otherwise. Weights of roles below another role (prod/web) divide what that role "
        "gets.",
        "Setting one takes effect at once: when the role is in use, all offers are rescinded and "
        "made anew. Tasks are not touched.",
    };
    verb.manual.examples = {{"tepui weight set prod=4 batch=1", "four fifths for prod"},
                            {"tepui weight -o json", "for scripts"}};
    verb.flags.flags = {output_flag(), dry_run_flag(), master_flag()};
    verb.flags.words_max = 1000;
    verb.offers = {{"list", "set"}, {"@roles"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
