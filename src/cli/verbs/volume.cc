#include <fmt/core.h>

#include "cli/output/format.h"
#include "cli/verbs/change.h"
#include "cli/verbs/common.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/verbs.h"
#include "cli/view/text.h"
#include "resources/entry.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using mesos::v1::Resource;

// How many tasks of the agent have the volume among their resources.
int users_of(const mesos::v1::master::Response& tasks, const std::string& agent,
             const std::string& id) {
    int count = 0;
    for (const auto& task : tasks.get_tasks().tasks()) {
        if (task.agent_id().value() != agent) continue;
        for (const Resource& resource : task.resources()) {
            if (resource.disk().persistence().id() == id) ++count;
        }
    }
    return count;
}

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return usage_failure("volume", format.error().text);
    auto agents = co_await master.call(Call::GET_AGENTS);
    if (!agents) co_return master_failure("volume list", master, agents.error());
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure("volume list", master, tasks.error());
    Listing listing{{{"ID"},
                     {"ROLE"},
                     {"AGENT"},
                     {"SIZE", Table::Align::right},
                     {"PATH"},
                     {"SHARED"},
                     {"TASKS", Table::Align::right}},
                    {}};
    for (const auto& agent : agents->get_agents().agents()) {
        const auto total = Resources::parse(agent.total_resources());
        if (!total) co_return give_up("volume list", total.error());
        for (const Resources::Entry& entry : total->persistent_volumes().entries()) {
            const std::string& id = entry.disk()->persistence().id();
            Resource volume;
            write_entry(entry, volume);
            listing.items.push_back(
                {id,
                 "",
                 {id, std::string(entry.reservation_role()), agent.agent_info().hostname(),
                  format_megabytes(entry.scalar().to_double()),
                  entry.disk()->volume().container_path(), entry.shared ? "yes" : "no",
                  std::to_string(users_of(*tasks, agent.agent_info().id().value(), id))},
                 wire::message_to_json(volume)});
        }
    }
    co_return print_listing(console, listing, *format, "volume list",
                            "there are no persistent volumes");
}

Result<Quantity> size_of(const Parsed& parsed) {
    if (!parsed.given("size")) return fail(Errc::invalid_argument, "say how much: --size 10GB");
    const Quantity size = TEPUI_TRY(parse_megabytes(parsed.value("size")));
    if (size.milli <= 0) return fail(Errc::invalid_argument, "a size of 0 is nothing");
    return size;
}

Result<VolumeWish> wish_of(const Parsed& parsed) {
    VolumeWish wish;
    wish.role = parsed.value("role");
    if (wish.role.empty()) return fail(Errc::invalid_argument, "name the role: --role db");
    wish.id = parsed.words[2];
    wish.megabytes = TEPUI_TRY(size_of(parsed));
    wish.container_path = parsed.value("path");
    if (parsed.given("principal")) wish.principal = parsed.value("principal");
    wish.shared = parsed.enabled("shared");
    return wish;
}

enum class Step : std::uint8_t { create, destroy, grow, shrink };

Result<Change> plan(Step step, const AgentAnswer& agent, const Parsed& parsed) {
    const std::string& id = parsed.words[2];
    switch (step) {
        case Step::create: return plan_volume(agent, TEPUI_TRY(wish_of(parsed)));
        case Step::destroy: return plan_volume_removal(agent, id);
        case Step::grow: return plan_volume_growth(agent, id, TEPUI_TRY(size_of(parsed)));
        case Step::shrink: return plan_volume_shrinkage(agent, id, TEPUI_TRY(size_of(parsed)));
    }
    return fail(Errc::internal, "no such step");
}

asio::awaitable<Outcome> change(MasterApi& master, const Console& console, const Parsed& parsed,
                                Step step) {
    const std::string what = "volume " + parsed.words[0];
    auto agent = co_await ask_agent(master, parsed.words[1]);
    if (!agent) co_return call_failure(what, master, agent.error(), "tepui get agents");
    auto planned = plan(step, *agent, parsed);
    if (!planned && planned.error().code == Errc::invalid_argument) {
        co_return usage_failure("volume", planned.error().text);
    }
    if (!planned) co_return give_up(what, planned.error(), "tepui volume list");
    const std::string question =
        step == Step::destroy ? fmt::format("Destroy volume {} on {} with all that is in it?",
                                            parsed.words[2], agent->agent_info().hostname())
                              : "";
    auto outcome = co_await make_change(master, console, parsed, what, std::move(*planned),
                                        "tepui volume list", question);
    co_return outcome;
}

asio::awaitable<Outcome> create(MasterApi& master, const Console& console, const Parsed& parsed) {
    return change(master, console, parsed, Step::create);
}
asio::awaitable<Outcome> destroy(MasterApi& master, const Console& console, const Parsed& parsed) {
    return change(master, console, parsed, Step::destroy);
}
asio::awaitable<Outcome> grow(MasterApi& master, const Console& console, const Parsed& parsed) {
    return change(master, console, parsed, Step::grow);
}
asio::awaitable<Outcome> shrink(MasterApi& master, const Console& console, const Parsed& parsed) {
    return change(master, console, parsed, Step::shrink);
}

Outcome run(const Console& console, const Parsed& parsed) {
    return run_sub_command(console, parsed, "volume",
                           {{"list", 0, "", list},
                            {"create", 2, "an agent and an id: create box1 data", create},
                            {"destroy", 2, "an agent and a volume", destroy},
                            {"grow", 2, "an agent and a volume", grow},
                            {"shrink", 2, "an agent and a volume", shrink}});
}

Flag value_flag(std::string name, std::string value_name, std::string help,
                std::string fallback = "") {
    Flag flag;
    flag.name = std::move(name);
    flag.value_name = std::move(value_name);
    flag.help = std::move(help);
    flag.fallback = std::move(fallback);
    return flag;
}

FlagSet flags() {
    FlagSet set;
    Flag shared;
    shared.name = "shared";
    shared.kind = FlagKind::boolean;
    shared.help = "create: several tasks may use it at the same time.";
    set.flags = {
        value_flag("role", "ROLE", "create: the role whose reserved disk it is made of."),
        value_flag("size", "SIZE", "How large, or how much more or less: 512MB, 10GB."),
        value_flag("path", "PATH", "create: where in a task's sandbox it appears.", "data"),
        value_flag("principal", "NAME", "create: who makes it."),
        shared,
        yes_flag(),
        dry_run_flag(),
        output_flag(),
        master_flag()};
    set.words_max = 3;
    return set;
}

}  // namespace

Verb volume_verb() {
    Verb verb;
    verb.manual.name = "volume";
    verb.manual.summary = "persistent volumes: disk that keeps what tasks write";
    verb.manual.synopsis = {
        "volume [list] [OPTION]...",
        "volume create --role ROLE --size SIZE [--path PATH] [--shared] [--dry-run] AGENT ID",
        "volume grow|shrink --size SIZE [--dry-run] AGENT ID",
        "volume destroy [--yes] [--dry-run] AGENT ID"};
    verb.manual.description = {
        "A volume is made of disk that is reserved for a role (tepui reserve) and stays with its "
        "data until it is destroyed, whatever becomes of tasks, frameworks, agent and master. It "
        "is "
        "offered to the role like other resources; a task that takes it finds it at PATH in its "
        "sandbox.",
        "A volume that a task uses can't be destroyed, grown or shrunk.",
    };
    verb.manual.examples = {
        {"tepui reserve --role db box1 disk:10240", "first the disk"},
        {"tepui volume create --role db --size 10GB box1 orders", "then the volume"},
        {"tepui volume destroy --yes box1 orders", "with all that is in it"}};
    verb.flags = flags();
    verb.offers = {{"list", "create", "destroy", "grow", "shrink"}, {"@agents"}, {}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
