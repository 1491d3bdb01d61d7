#include <fmt/core.h>

#include "base/time.h"
#include "cli/output/format.h"
#include "cli/verbs/change.h"
#include "cli/verbs/common.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/verbs.h"
#include "cli/view/text.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Response = mesos::v1::master::Response;
using mesos::v1::MachineID;

bool same(const MachineID& a, const MachineID& b) {
    return a.hostname() == b.hostname() && a.ip() == b.ip();
}

Table::Cell state_cell(const Response& status, const MachineID& machine) {
    for (const MachineID& down : status.get_maintenance_status().status().down_machines()) {
        if (same(down, machine)) return {"DOWN", Table::Tone::bad};
    }
    return {"DRAINING", Table::Tone::warning};
}

// "2 agreed, 1 declined": what frameworks answered to the request to leave.
std::string answers_text(const Response& status, const MachineID& machine) {
    int agreed = 0;
    int declined = 0;
    for (const auto& draining : status.get_maintenance_status().status().draining_machines()) {
        if (!same(draining.id(), machine)) continue;
        for (const auto& answer : draining.statuses()) {
            agreed += answer.status() == mesos::v1::allocator::InverseOfferStatus::ACCEPT ? 1 : 0;
            declined +=
                answer.status() == mesos::v1::allocator::InverseOfferStatus::DECLINE ? 1 : 0;
        }
    }
    return agreed + declined == 0 ? "" : fmt::format("{} agreed, {} declined", agreed, declined);
}

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return usage_failure("maintenance", format.error().text);
    auto schedule = co_await master.call(Call::GET_MAINTENANCE_SCHEDULE);
    if (!schedule) co_return master_failure("maintenance list", master, schedule.error());
    auto status = co_await master.call(Call::GET_MAINTENANCE_STATUS);
    if (!status) co_return master_failure("maintenance list", master, status.error());
    Listing listing{{{"MACHINE"}, {"STATE"}, {"FROM"}, {"FOR"}, {"FRAMEWORKS"}}, {}};
    for (const auto& window : schedule->get_maintenance_schedule().schedule().windows()) {
        const auto& away = window.unavailability();
        const std::string length =
            away.has_duration() ? format_duration(Duration{away.duration().nanoseconds()}) : "ever";
        for (const MachineID& machine : window.machine_ids()) {
            mesos::v1::maintenance::Window alone = window;
            alone.clear_machine_ids();
            *alone.add_machine_ids() = machine;
            listing.items.push_back(
                {machine_text(machine),
                 "",
                 {machine_text(machine), state_cell(*status, machine),
                  time_text(seconds_of(away.start())), length, answers_text(*status, machine)},
                 wire::message_to_json(alone)});
        }
    }
    co_return print_listing(console, listing, *format, "maintenance list",
                            "no maintenance is planned");
}

std::vector<std::string> machines_of(const Parsed& parsed) {
    return {parsed.words.begin() + 1, parsed.words.end()};
}

Result<Change> plan_window(const Response& now, const Parsed& parsed) {
    const std::int64_t start = TEPUI_TRY(parse_start(parsed.value("start"), wall_seconds()));
    std::optional<std::int64_t> duration;
    if (parsed.given("duration")) {
        duration = TEPUI_TRY(parse_duration(parsed.value("duration"))).count();
    }
    return plan_maintenance(now, machines_of(parsed), start, duration);
}

asio::awaitable<Outcome> reschedule(MasterApi& master, const Console& console, const Parsed& parsed,
                                    bool add) {
    const std::string what = "maintenance " + parsed.words[0];
    auto now = co_await master.call(Call::GET_MAINTENANCE_SCHEDULE);
    if (!now) co_return master_failure(what, master, now.error());
    auto change =
        add ? plan_window(*now, parsed) : plan_maintenance_removal(*now, machines_of(parsed));
    if (!change && change.error().code == Errc::invalid_argument) {
        co_return usage_failure("maintenance", change.error().text);
    }
    if (!change) co_return give_up(what, change.error(), "tepui maintenance list");
    auto outcome = co_await make_change(master, console, parsed, what, std::move(*change),
                                        "tepui maintenance list");
    co_return outcome;
}

asio::awaitable<Outcome> schedule(MasterApi& master, const Console& console, const Parsed& parsed) {
    return reschedule(master, console, parsed, /*add=*/true);
}
asio::awaitable<Outcome> cancel(MasterApi& master, const Console& console, const Parsed& parsed) {
    return reschedule(master, console, parsed, /*add=*/false);
}

// The machines as the schedule writes them, since the master takes exactly those.
Result<Change> plan_machines(const Response& schedule, const Parsed& parsed, bool down) {
    Change change;
    change.call.set_type(down ? Call::START_MAINTENANCE : Call::STOP_MAINTENANCE);
    for (const std::string& text : machines_of(parsed)) {
        const MachineID wanted = TEPUI_TRY(parse_machine(text));
        const MachineID* found = nullptr;
        for (const auto& window : schedule.get_maintenance_schedule().schedule().windows()) {
            for (const MachineID& machine : window.machine_ids()) {
                const bool host = !wanted.has_hostname() || wanted.hostname() == machine.hostname();
                const bool address = !wanted.has_ip() || wanted.ip() == machine.ip();
                if (host && address) found = &machine;
            }
        }
        if (found == nullptr) {
            return fail(Errc::not_found, "{} is not in the maintenance schedule", text);
        }
        *(down ? change.call.mutable_start_maintenance()->add_machines()
               : change.call.mutable_stop_maintenance()->add_machines()) = *found;
        change.lines.push_back(fmt::format("{}: {}", machine_text(*found), down ? "down" : "up"));
    }
    if (down)
        change.warnings.emplace_back("agents on these machines are shut down; tasks are lost");
    return change;
}

asio::awaitable<Outcome> switch_machines(MasterApi& master, const Console& console,
                                         const Parsed& parsed, bool down) {
    const std::string what = "maintenance " + parsed.words[0];
    auto schedule = co_await master.call(Call::GET_MAINTENANCE_SCHEDULE);
    if (!schedule) co_return master_failure(what, master, schedule.error());
    auto change = plan_machines(*schedule, parsed, down);
    if (!change && change.error().code == Errc::invalid_argument) {
        co_return usage_failure("maintenance", change.error().text);
    }
    if (!change) co_return give_up(what, change.error(), "tepui maintenance schedule");
    const std::string question =
        down ? fmt::format("Take {} machine(s) down? Agents there are shut down with their tasks.",
                           parsed.words.size() - 1)
             : "";
    auto outcome = co_await make_change(master, console, parsed, what, std::move(*change),
                                        "tepui maintenance list", question);
    co_return outcome;
}

asio::awaitable<Outcome> down(MasterApi& master, const Console& console, const Parsed& parsed) {
    return switch_machines(master, console, parsed, /*down=*/true);
}
asio::awaitable<Outcome> up(MasterApi& master, const Console& console, const Parsed& parsed) {
    return switch_machines(master, console, parsed, /*down=*/false);
}

Outcome run(const Console& console, const Parsed& parsed) {
    return run_sub_command(console, parsed, "maintenance",
                           {{"list", 0, "", list},
                            {"schedule", 1, "a machine: schedule box1", schedule},
                            {"cancel", 1, "a machine", cancel},
                            {"down", 1, "a machine", down},
                            {"up", 1, "a machine", up}});
}

}  // namespace

Verb maintenance_verb() {
    Verb verb;
    verb.manual.name = "maintenance";
    verb.manual.summary = "plan when machines will be away, and take them down";
    verb.manual.synopsis = {
        "maintenance [list] [OPTION]...",
        "maintenance schedule [--start TIME] [--duration DURATION] [--dry-run] MACHINE...",
        "maintenance cancel [--dry-run] MACHINE...",
        "maintenance down [--yes] [--dry-run] MACHINE...", "maintenance up [--dry-run] MACHINE..."};
    verb.manual.description = {
        "Frameworks that have tasks or offers on a machine of the schedule are asked to leave it "
        "(inverse offers), and see in new offers when it will be away; list shows what they "
        "answered. Nothing is forced: tasks that are still there end when the machine is taken "
        "down.",
        "MACHINE is a host name, an address, or HOST/IP. down is for machines of the schedule: "
        "their agents are shut down and can't register until up, which also takes them out of the "
        "schedule.",
    };
    verb.manual.examples = {
        {"tepui maintenance schedule --start 'in 2hrs' --duration 1hrs box1", "in two hours"},
        {"tepui maintenance list", "what is planned, and what frameworks say"},
        {"tepui maintenance down --yes box1", "now"},
        {"tepui maintenance up box1", "it is back"}};
    Flag start;
    start.name = "start";
    start.value_name = "TIME";
    start.fallback = "now";
    start.help = "schedule: from when on; 2026-01-31T12:00:00Z, now, or 'in 2hrs'.";
    Flag duration;
    duration.name = "duration";
    duration.value_name = "DURATION";
    duration.help = "schedule: for how long (1hrs, 30mins); without it until it is cancelled.";
    verb.flags.flags = {start, duration, yes_flag(), dry_run_flag(), output_flag(), master_flag()};
    verb.flags.words_max = 1000;
    verb.offers = {{"list", "schedule", "cancel", "down", "up"}, {"@agents"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
