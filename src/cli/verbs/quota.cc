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

std::string used_text(const mesos::v1::master::Response& roles, const std::string& name) {
    for (const auto& role : roles.get_roles().roles()) {
        if (role.name() == name) return resources_text(role.resources());
    }
    return "";
}

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return usage_failure("quota", format.error().text);
    auto answer = co_await master.call(Call::GET_QUOTA);
    if (!answer) co_return master_failure("quota list", master, answer.error());
    auto roles = co_await master.call(Call::GET_ROLES);
    if (!roles) co_return master_failure("quota list", master, roles.error());
    Listing listing{{{"ROLE"}, {"GUARANTEE"}, {"LIMIT"}, {"ALLOCATED"}}, {}};
    for (const auto& config : answer->get_quota().status().configs()) {
        if (!has_quota(config)) continue;
        listing.items.push_back(
            {config.role(),
             "",
             {config.role(), amounts_text(amounts_of(config.guarantees())),
              amounts_text(amounts_of(config.limits())), used_text(*roles, config.role())},
             wire::message_to_json(config)});
    }
    co_return print_listing(console, listing, *format, "quota list", "no role has a quota");
}

Result<QuotaWish> wish_of(const Parsed& parsed) {
    QuotaWish wish;
    wish.role = parsed.words[1];
    if (parsed.words.size() > 2) {
        return fail(Errc::invalid_argument, "one role at a time; '{}' is too much",
                    parsed.words[2]);
    }
    if (parsed.given("guarantee")) {
        wish.guarantee = TEPUI_TRY(parse_amounts(parsed.value("guarantee")));
    }
    if (parsed.given("limit")) wish.limit = TEPUI_TRY(parse_amounts(parsed.value("limit")));
    if (!wish.guarantee && !wish.limit) {
        return fail(Errc::invalid_argument, "say what: --guarantee cpus:4, --limit mem:4096");
    }
    wish.force = parsed.enabled("force");
    return wish;
}

asio::awaitable<Outcome> set(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto wish = wish_of(parsed);
    if (!wish) co_return usage_failure("quota", wish.error().text);
    auto quotas = co_await master.call(Call::GET_QUOTA);
    if (!quotas) co_return master_failure("quota set", master, quotas.error());
    auto agents = co_await master.call(Call::GET_AGENTS);
    if (!agents) co_return master_failure("quota set", master, agents.error());
    auto change = plan_quota(*quotas, *agents, *wish);
    if (!change) co_return usage_failure("quota", change.error().text);
    auto outcome =
        co_await make_change(master, console, parsed, "quota set " + wish->role, std::move(*change),
                             "tepui quota set --dry-run " + wish->role);
    co_return outcome;
}

asio::awaitable<Outcome> remove(MasterApi& master, const Console& console, const Parsed& parsed) {
    auto quotas = co_await master.call(Call::GET_QUOTA);
    if (!quotas) co_return master_failure("quota remove", master, quotas.error());
    auto change = plan_quota_removal(*quotas, {parsed.words.begin() + 1, parsed.words.end()});
    if (!change) co_return give_up("quota remove", change.error(), "tepui quota list");
    auto outcome = co_await make_change(master, console, parsed, "quota remove", std::move(*change),
                                        "tepui quota list");
    co_return outcome;
}

Outcome run(const Console& console, const Parsed& parsed) {
    return run_sub_command(console, parsed, "quota",
                           {{"list", 0, "", list},
                            {"set", 1, "a role: set prod --guarantee cpus:4", set},
                            {"remove", 1, "a role", remove}});
}

Flag amounts_flag(std::string name, std::string help) {
    Flag flag;
    flag.name = std::move(name);
    flag.value_name = "AMOUNTS";
    flag.help = std::move(help);
    return flag;
}

}  // namespace

Verb quota_verb() {
    Verb verb;
    verb.manual.name = "quota";
    verb.manual.summary = "what a role is guaranteed, and the most it may have";
    verb.manual.synopsis = {
        "quota [list] [OPTION]...",
        "quota set [--guarantee AMOUNTS] [--limit AMOUNTS] [--force] [--dry-run] ROLE",
        "quota remove [--dry-run] ROLE..."};
    verb.manual.description = {
        "A guarantee is kept free for a role (and the roles below it) when others want it; a limit "
        "is never exceeded. Only roles at the top have quotas. AMOUNTS are cpus:4;mem:4096, memory "
        "and disk in MB; what is not named has no guarantee, or no limit. --guarantee '' takes all "
        "guarantees away; what is not given stays as it is.",
        "The master refuses guarantees that the cluster cannot keep and limits below what is in "
        "use, "
        "unless told to with --force. Lowering a limit rescinds offers but never ends tasks.",
    };
    verb.manual.examples = {
        {"tepui quota set prod --guarantee 'cpus:16;mem:65536'", "kept for prod"},
        {"tepui quota set test --limit cpus:8 --dry-run", "what would change"},
        {"tepui quota remove test", "no guarantee and no limit any more"}};
    Flag force;
    force.name = "force";
    force.kind = FlagKind::boolean;
    force.help = "Set it though the cluster cannot keep it, or more is used already.";
    verb.flags.flags = {amounts_flag("guarantee", "What is kept for the role."),
                        amounts_flag("limit", "The most it may have."),
                        force,
                        dry_run_flag(),
                        output_flag(),
                        master_flag()};
    verb.flags.words_max = 1000;
    verb.offers = {{"list", "set", "remove"}, {"@roles"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
