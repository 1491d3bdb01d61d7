#include <ctime>

#include <algorithm>

#include <arpa/inet.h>
#include <fmt/core.h>

#include "base/time.h"
#include "cli/view/sharing.h"
#include "cli/view/text.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Response = mesos::v1::master::Response;
using mesos::v1::MachineID;

bool is_address(const std::string& text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1 ||
           inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

bool same(const MachineID& a, const MachineID& b) {
    return a.hostname() == b.hostname() && a.ip() == b.ip();
}

// A machine of the schedule that `wanted` means: the same, or the only one of that host or address.
bool means(const MachineID& wanted, const MachineID& listed) {
    if (same(wanted, listed)) return true;
    const bool host = !wanted.has_hostname() || wanted.hostname() == listed.hostname();
    const bool address = !wanted.has_ip() || wanted.ip() == listed.ip();
    return host && address;
}

Change schedule_change(const Response& schedule) {
    Change change;
    change.call.set_type(Call::UPDATE_MAINTENANCE_SCHEDULE);
    *change.call.mutable_update_maintenance_schedule()->mutable_schedule() =
        schedule.get_maintenance_schedule().schedule();
    return change;
}

constexpr double nanoseconds = 1e9;

}  // namespace

Result<MachineID> parse_machine(const std::string& text) {
    MachineID machine;
    const std::size_t slash = text.find('/');
    const std::string first = text.substr(0, slash);
    const std::string second = slash == std::string::npos ? "" : text.substr(slash + 1);
    if (first.empty() || (slash != std::string::npos && !is_address(second))) {
        return fail(Errc::invalid_argument, "'{}' is no machine; machines are HOST, HOST/IP or IP",
                    text);
    }
    if (second.empty() && is_address(first)) {
        machine.set_ip(first);
    } else {
        machine.set_hostname(first);
        if (!second.empty()) machine.set_ip(second);
    }
    return machine;
}

std::string machine_text(const MachineID& machine) {
    if (!machine.has_hostname()) return machine.ip();
    return machine.has_ip() ? machine.hostname() + "/" + machine.ip() : machine.hostname();
}

Result<Change> plan_maintenance(const Response& schedule, const std::vector<std::string>& machines,
                                std::int64_t start, std::optional<std::int64_t> duration) {
    Change change = schedule_change(schedule);
    auto& planned = *change.call.mutable_update_maintenance_schedule()->mutable_schedule();
    mesos::v1::maintenance::Window window;
    window.mutable_unavailability()->mutable_start()->set_nanoseconds(start);
    if (duration) {
        window.mutable_unavailability()->mutable_duration()->set_nanoseconds(*duration);
    }
    const std::string when =
        fmt::format("{}{}", time_text(static_cast<double>(start) / nanoseconds),
                    duration ? " for " + format_duration(Duration{*duration}) : " without end");
    for (const std::string& text : machines) {
        const MachineID machine = TEPUI_TRY(parse_machine(text));
        for (const auto& other : planned.windows()) {
            const bool listed = std::ranges::any_of(
                other.machine_ids(), [&](const MachineID& id) { return same(id, machine); });
            if (listed) {
                return fail(Errc::conflict,
                            "{} is in the schedule already; take it out first with tepui "
                            "maintenance cancel",
                            text);
            }
        }
        *window.add_machine_ids() = machine;
        change.lines.push_back(fmt::format("{}: away from {}", text, when));
    }
    *planned.add_windows() = std::move(window);
    change.warnings.emplace_back("frameworks are asked to leave the agents on these machines");
    return change;
}

Result<Change> plan_maintenance_removal(const Response& schedule,
                                        const std::vector<std::string>& machines) {
    Change change = schedule_change(schedule);
    auto& planned = *change.call.mutable_update_maintenance_schedule()->mutable_schedule();
    for (const std::string& text : machines) {
        const MachineID machine = TEPUI_TRY(parse_machine(text));
        bool found = false;
        for (auto& window : *planned.mutable_windows()) {
            auto& ids = *window.mutable_machine_ids();
            const auto end = std::remove_if(
                ids.begin(), ids.end(), [&](const MachineID& id) { return means(machine, id); });
            found = found || end != ids.end();
            ids.erase(end, ids.end());
        }
        if (!found) return fail(Errc::not_found, "{} is not in the maintenance schedule", text);
        change.lines.push_back(fmt::format("{}: not away any more", text));
    }
    auto& windows = *planned.mutable_windows();
    windows.erase(std::remove_if(windows.begin(), windows.end(),
                                 [](const auto& window) { return window.machine_ids().empty(); }),
                  windows.end());
    return change;
}

Result<std::int64_t> parse_start(const std::string& text, double now_seconds) {
    const auto now = static_cast<std::int64_t>(now_seconds * nanoseconds);
    if (text == "now") return now;
    if (text.starts_with("in ")) return now + TEPUI_TRY(parse_duration(text.substr(3))).count();
    std::tm time{};
    const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
    if (end == nullptr || *end != '\0') {
        return fail(Errc::invalid_argument,
                    "'{}' is no time; write 2026-01-31T12:00:00Z, now, or \"in 2hrs\"", text);
    }
    return static_cast<std::int64_t>(timegm(&time)) * 1'000'000'000;
}

}  // namespace tepui::cli
