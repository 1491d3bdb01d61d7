#include "master/core/machines.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ranges>

namespace tepui::master {

namespace {

bool is_ipv4(std::string_view text) {
    int parts = 0;
    for (const auto part : std::views::split(text, '.')) {
        const std::string_view digits(part.begin(), part.end());
        unsigned value = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || digits.size() > 3 || error != std::errc{} ||
            end != digits.data() + digits.size() || value > 255) {
            return false;
        }
        ++parts;
    }
    return parts == 4;
}

bool looks_like_ipv6(std::string_view text) {
    constexpr std::size_t longest = 45;  // With an embedded IPv4 address.
    return text.size() <= longest && std::ranges::count(text, ':') >= 2 &&
           std::ranges::all_of(text, [](char c) {
               return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.';
           });
}

Result<void> validate_machine(const mesos::v1::MachineID& id) {
    if (id.hostname().empty() && id.ip().empty()) {
        return fail(Errc::invalid_argument, "A machine needs a hostname or an ip, or both");
    }
    if (!id.ip().empty() && !is_ipv4(id.ip()) && !looks_like_ipv6(id.ip())) {
        return fail(Errc::invalid_argument, "Machine {}: '{}' is not an IP address",
                    machine_text(id), id.ip());
    }
    return {};
}

Result<void> validate_window(const mesos::v1::maintenance::Window& window) {
    if (window.machine_ids().empty()) {
        return fail(Errc::invalid_argument, "A window of the schedule lists no machine");
    }
    const mesos::v1::Unavailability& unavailability = window.unavailability();
    if (unavailability.has_duration() && unavailability.duration().nanoseconds() < 0) {
        return fail(Errc::invalid_argument, "The unavailability of machine {} lasts {} ns",
                    machine_text(window.machine_ids(0)), unavailability.duration().nanoseconds());
    }
    return {};
}

}  // namespace

MachineKey machine_key(const mesos::v1::MachineID& id) {
    std::string hostname = id.hostname();
    for (char& c : hostname) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return {std::move(hostname), id.ip()};
}

std::string machine_text(const mesos::v1::MachineID& id) {
    if (id.ip().empty()) return id.hostname();
    if (id.hostname().empty()) return id.ip();
    return fmt::format("{} ({})", id.hostname(), id.ip());
}

const Machine* find_machine(const std::map<MachineKey, Machine>& machines,
                            const std::string& hostname, const std::string& ip) {
    if (machines.empty()) return nullptr;
    mesos::v1::MachineID id;
    id.set_hostname(hostname);
    id.set_ip(ip);
    const MachineKey whole = machine_key(id);
    const MachineKey keys[] = {whole, {whole.first, ""}, {"", whole.second}};
    for (const MachineKey& key : keys) {
        if (key.first.empty() && key.second.empty()) continue;
        if (const auto it = machines.find(key); it != machines.end()) return &it->second;
    }
    return nullptr;
}

Result<void> validate_machines(std::span<const mesos::v1::MachineID> machines) {
    std::set<MachineKey> seen;
    for (const mesos::v1::MachineID& id : machines) {
        TEPUI_CHECK_OK(validate_machine(id));
        if (!seen.insert(machine_key(id)).second) {
            return fail(Errc::invalid_argument, "Machine {} is listed twice", machine_text(id));
        }
    }
    return {};
}

std::vector<mesos::v1::MachineID> machines_of(const mesos::v1::maintenance::Schedule& schedule) {
    std::vector<mesos::v1::MachineID> machines;
    for (const auto& window : schedule.windows()) {
        machines.insert(machines.end(), window.machine_ids().begin(), window.machine_ids().end());
    }
    return machines;
}

Result<void> validate_schedule(const mesos::v1::maintenance::Schedule& schedule,
                               std::span<const mesos::v1::MachineID> down) {
    for (const auto& window : schedule.windows()) TEPUI_CHECK_OK(validate_window(window));
    const std::vector<mesos::v1::MachineID> machines = machines_of(schedule);
    TEPUI_CHECK_OK(validate_machines(machines));
    std::set<MachineKey> listed;
    for (const mesos::v1::MachineID& id : machines) listed.insert(machine_key(id));
    for (const mesos::v1::MachineID& id : down) {
        if (listed.contains(machine_key(id))) continue;
        return fail(Errc::invalid_argument,
                    "Machine {} is down and not in the new schedule; keep it there until it is "
                    "brought up with STOP_MAINTENANCE",
                    machine_text(id));
    }
    return {};
}

}  // namespace tepui::master
