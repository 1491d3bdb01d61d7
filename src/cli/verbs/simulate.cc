#include <chrono>
#include <string>

#include <fmt/core.h>

#include "cli/flags/checks.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "simulate/capacity.h"
#include "wire/json_writer.h"

namespace tepui::cli {

namespace {

using simulate::CapacityPlan;
using simulate::CapacityReport;
using simulate::Percentiles;

Flag number_flag(std::string name, std::string fallback, std::string help, std::uint64_t most) {
    Flag flag;
    flag.name = std::move(name);
    flag.value_name = "N";
    flag.fallback = std::move(fallback);
    flag.help = std::move(help);
    flag.check = whole_number_between(1, most);
    return flag;
}

Flag time_flag(std::string name, std::string fallback, std::string help) {
    Flag flag;
    flag.name = std::move(name);
    flag.value_name = "DURATION";
    flag.fallback = std::move(fallback);
    flag.help = std::move(help);
    flag.check = duration_between(1s, 24h * 365);
    return flag;
}

Flag json_flag() {
    Flag flag;
    flag.name = "output";
    flag.letter = 'o';
    flag.value_name = "FORMAT";
    flag.help = "json: everything found as one object. Without it: for people.";
    flag.offers = {"json"};
    flag.check = [](std::string_view text) -> Result<void> {
        if (text == "json") return {};
        return fail(Errc::invalid_argument, "the only other format is json");
    };
    return flag;
}

CapacityPlan plan_of(const Parsed& parsed) {
    const auto number = [&](const char* name) {
        return static_cast<std::uint32_t>(std::stoul(parsed.value(name)));  // Checked already.
    };
    CapacityPlan plan;
    plan.agents = number("agents");
    plan.frameworks = number("frameworks");
    plan.roles = number("roles");
    plan.tasks_per_agent = number("tasks-per-agent");
    plan.seed = std::stoull(parsed.value("seed"));
    plan.task_time = *parse_duration(parsed.value("task-time"));
    plan.length = *parse_duration(parsed.value("length"));
    return plan;
}

void write(wire::JsonWriter& json, const char* name, const Percentiles& found) {
    json.key(name).begin_object();
    json.key("count").value(found.count);
    json.key("p50").value(found.p50).key("p99").value(found.p99).key("max").value(found.max);
    json.end_object();
}

std::string json_of(const CapacityPlan& plan, const CapacityReport& report) {
    std::string text;
    wire::JsonWriter json(text);
    json.begin_object().key("plan").begin_object();
    json.key("agents").value(plan.agents).key("frameworks").value(plan.frameworks);
    json.key("roles").value(plan.roles).key("tasks_per_agent").value(plan.tasks_per_agent);
    json.key("task_seconds").value(std::chrono::duration<double>(plan.task_time).count());
    json.key("seconds").value(std::chrono::duration<double>(plan.length).count());
    json.key("seed").value(plan.seed).end_object();
    json.key("offers").value(report.offers).key("declined").value(report.declined);
    json.key("tasks_launched").value(report.tasks_launched);
    json.key("tasks_finished").value(report.tasks_finished);
    json.key("tasks_a_second").value(report.tasks_a_second);
    json.key("tasks_a_master_second").value(report.tasks_a_real_second);
    json.key("utilisation").value(report.utilisation);
    json.key("full_after_seconds").value(std::chrono::duration<double>(report.full_after).count());
    write(json, "launch_wait_ms", report.launch_wait_ms);
    write(json, "start_wait_ms", report.start_wait_ms);
    write(json, "master_step_real_ms", report.master_step_ms);
    json.key("real_seconds").value(report.real_seconds);
    json.key("shares").begin_object();
    for (const auto& [role, share] : report.shares) json.key(role).value(share);
    json.end_object().end_object();
    return text + "\n";
}

std::string text_of(const CapacityReport& report, bool color) {
    std::string text = fmt::format(
        "offers            {} ({} declined)\n"
        "tasks             {} launched, {} finished; {:.1f} a second\n"
        "utilisation       {:.1f} %{}\n"
        "master            {:.0f} tasks a second of one core; the run took {:.1f} s\n\n",
        report.offers, report.declined, report.tasks_launched, report.tasks_finished,
        report.tasks_a_second, 100 * report.utilisation,
        report.full_after > Duration{}
            ? fmt::format(", 95 % after {:.0f} s",
                          std::chrono::duration<double>(report.full_after).count())
            : ", never 95 %",
        report.tasks_a_real_second, report.real_seconds);
    using Align = Table::Align;
    Table times(
        {{"MILLISECONDS"}, {"P50", Align::right}, {"P99", Align::right}, {"MAX", Align::right}});
    const auto add = [&](const char* name, const Percentiles& found) {
        times.add({name, fmt::format("{:.3g}", found.p50), fmt::format("{:.3g}", found.p99),
                   fmt::format("{:.3g}", found.max)});
    };
    add("a task wanted -> launched", report.launch_wait_ms);
    add("a task wanted -> running", report.start_wait_ms);
    add("an event at the master (real)", report.master_step_ms);
    Table shares({{"ROLE"}, {"CPUS IN USE", Align::right}});
    for (const auto& [role, share] : report.shares) {
        shares.add({role, fmt::format("{:.1f} %", 100 * share)});
    }
    return text + times.render(color) + "\n" + shares.render(color);
}

/// A line that is written over itself; only where somebody watches.
class ProgressBar {
public:
    explicit ProgressBar(const Console& console) : console_(console) {}
    void show(double part) {
        const int percent = static_cast<int>(100 * part);
        if (!console_.err_is_terminal || percent == shown_) return;
        shown_ = percent;
        const auto filled = static_cast<std::size_t>(percent) * 40 / 100;
        console_.err(fmt::format("\r[{}{}] {:3} %", std::string(filled, '#'),
                                 std::string(40 - filled, '.'), percent));
        if (percent == 100) console_.err("\r\x1b[K");
    }

private:
    const Console& console_;
    int shown_ = -1;
};

Outcome run(const Console& console, const Parsed& parsed) {
    const auto plan = plan_of(parsed);
    ProgressBar bar(console);
    const auto report = simulate::run_capacity(plan, [&](double part) {
        bar.show(part);
        return true;
    });
    if (!report) return give_up("simulate", report.error());
    console.out(parsed.given("output") ? json_of(plan, *report) : text_of(*report, console.color));
    return 0;
}

}  // namespace

Verb simulate_verb() {
    Verb verb;
    verb.manual.name = "simulate";
    verb.manual.summary = "try a cluster of any size in simulated time";
    verb.manual.synopsis = {"simulate [OPTION]..."};
    verb.manual.description = {
        "Runs the very code of a master with its allocator against simulated agents and "
        "frameworks, faster than the clock, and tells what such a cluster would do: how many "
        "offers and tasks, how long a task waits, how full the agents get and who has which "
        "share. Nothing is started and no cluster is touched.",
        "The frameworks together want as many tasks as fit. Each task takes one part of an agent "
        "and ends after a random time; then its framework wants another. An agent's container "
        "starts at once and networks take up to a millisecond: what is told is what sharing "
        "itself costs.",
        "Times of the simulation depend on nothing but the options: the same seed gives the same "
        "offers. Times marked real are of this machine, for one core.",
    };
    verb.manual.examples = {
        {"tepui simulate --agents 50000 --frameworks 200 --tasks-per-agent 20", "is it feasible?"},
        {"tepui simulate --task-time 10secs -o json", "short tasks, for scripts"}};
    verb.flags.flags = {
        number_flag("agents", "1000", "Agents, all alike.", 1'000'000),
        number_flag("frameworks", "10", "Frameworks, all alike.", 100'000),
        number_flag("roles", "10", "Roles that the frameworks are spread over.", 100'000),
        number_flag("tasks-per-agent", "10", "Tasks an agent has room for.", 6'400),
        time_flag("task-time", "5mins", "The mean time a task takes."),
        time_flag("length", "10mins", "How much time to simulate."),
        number_flag("seed", "1", "Another number, another run of chance.", 1'000'000'000),
        json_flag()};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
