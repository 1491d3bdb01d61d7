#include <fmt/core.h>

#include "cli/verbs/change.h"
#include "cli/verbs/verbs.h"
#include "cli/view/text.h"

namespace tepui::cli {

namespace {

Result<ReservationWish> wish_of(const Parsed& parsed) {
    ReservationWish wish;
    wish.role = parsed.value("role");
    if (wish.role.empty()) return fail(Errc::invalid_argument, "name the role: --role prod");
    if (parsed.words.size() > 1) {
        wish.resources = TEPUI_TRY(Resources::parse_flag(parsed.words[1]));
        if (wish.resources->empty()) {
            return fail(Errc::invalid_argument, "'{}' is nothing", parsed.words[1]);
        }
    }
    return wish;
}

using Plan = Result<Change> (*)(const AgentAnswer&, const ReservationWish&);

asio::awaitable<Outcome> change_agent(MasterApi& master, const Console& console,
                                      const Parsed& parsed, std::string verb, ReservationWish wish,
                                      Plan plan) {
    auto agent = co_await ask_agent(master, parsed.words[0]);
    if (!agent) co_return call_failure(verb, master, agent.error(), "tepui get agents");
    const std::string next =
        fmt::format("tepui describe agent {}", agent->agent_info().id().value());
    auto change = plan(*agent, wish);
    if (!change) co_return give_up(verb, change.error(), next);
    auto outcome = co_await make_change(master, console, parsed, verb, std::move(*change), next);
    co_return outcome;
}

Outcome run(const Console& console, const Parsed& parsed, const std::string& verb, Plan plan,
            std::size_t words_min) {
    if (parsed.words.size() < words_min) {
        return usage_failure(verb, words_min == 2 ? "name an agent and what: box1 'cpus:2;mem:512'"
                                                  : "name an agent");
    }
    auto wish = wish_of(parsed);
    if (!wish) return usage_failure(verb, wish.error().text);
    if (verb == "reserve") {
        if (parsed.given("principal")) wish->principal = parsed.value("principal");
        wish->labels = parsed.list("label");
    }
    return with_master(
        parsed, verb, [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
            auto outcome = co_await change_agent(master, console, parsed, verb, *wish, plan);
            co_return outcome;
        });
}

Flag role_flag() {
    Flag flag;
    flag.name = "role";
    flag.value_name = "ROLE";
    flag.help = "The role it is reserved for.";
    flag.offers = {"@roles"};
    return flag;
}

Flag principal_flag() {
    Flag flag;
    flag.name = "principal";
    flag.value_name = "NAME";
    flag.help =
        "Who reserves, as the reservation shows it; frameworks of that principal can undo it.";
    return flag;
}

Flag label_flag() {
    Flag flag;
    flag.name = "label";
    flag.kind = FlagKind::list;
    flag.value_name = "KEY=VALUE";
    flag.help = "A label of the reservation.";
    return flag;
}

}  // namespace

Verb reserve_verb() {
    Verb verb;
    verb.manual.name = "reserve";
    verb.manual.summary = "reserve resources of an agent for a role";
    verb.manual.synopsis = {"reserve --role ROLE [--dry-run] [OPTION]... AGENT RESOURCES"};
    verb.manual.description = {
        "From now on RESOURCES of AGENT are offered to ROLE and the roles below it only, until "
        "they "
        "are given back with tepui unreserve. RESOURCES are written 'cpus:2;mem:512' (memory and "
        "disk in MB), 'ports:[8000-8010]' or as JSON. For a role below another (prod/web) it takes "
        "from what is reserved for prod, if there is enough; else from what is nobody's.",
        "What is in use by tasks can't be reserved; offers that are in the way are rescinded.",
    };
    verb.manual.examples = {{"tepui reserve --role prod box1 'cpus:2;mem:2048'", "two CPUs, 2 GB"},
                            {"tepui reserve --role db --label purpose=data box1 disk:10240",
                             "disk, to make volumes of"}};
    verb.flags.flags = {role_flag(), principal_flag(), label_flag(), dry_run_flag(), master_flag()};
    verb.flags.words_max = 2;
    verb.offers = {{"@agents"}, {}};
    verb.run = [](const Console& console, const Parsed& parsed) {
        return run(console, parsed, "reserve", plan_reservation, 2);
    };
    return verb;
}

Verb unreserve_verb() {
    Verb verb;
    verb.manual.name = "unreserve";
    verb.manual.summary = "give back what was reserved";
    verb.manual.synopsis = {"unreserve --role ROLE [--dry-run] [OPTION]... AGENT [RESOURCES]"};
    verb.manual.description = {
        "Gives back RESOURCES of AGENT that are reserved for ROLE; without RESOURCES everything "
        "but "
        "its volumes, which have to be destroyed first (tepui volume destroy). Reservations of the "
        "agent's own --resources flag can't be given back.",
    };
    verb.manual.examples = {{"tepui unreserve --role prod box1", "everything prod has there"}};
    verb.flags.flags = {role_flag(), dry_run_flag(), master_flag()};
    verb.flags.words_max = 2;
    verb.offers = {{"@agents"}, {}};
    verb.run = [](const Console& console, const Parsed& parsed) {
        return run(console, parsed, "unreserve", plan_unreservation, 1);
    };
    return verb;
}

}  // namespace tepui::cli
