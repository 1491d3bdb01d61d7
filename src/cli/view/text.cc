#include "cli/view/text.h"

#include <cmath>
#include <map>

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include "base/quantity.h"

namespace tepui::cli {

namespace {

using Tone = Table::Tone;

std::string range_text(std::uint64_t begin, std::uint64_t end) {
    return fmt::format("{}-{}", begin, end);
}

std::string attribute_text(const mesos::v1::Attribute& attribute) {
    if (attribute.has_text()) return attribute.name() + "=" + attribute.text().value();
    if (attribute.has_scalar()) {
        return attribute.name() + "=" + number_text(attribute.scalar().value());
    }
    return attribute.name();
}

}  // namespace

std::string number_text(double value) { return to_string(Quantity::from_double(value)); }

std::string format_megabytes(double megabytes) {
    constexpr double terabyte = 1024.0 * 1024.0;
    const auto shown = [](double value, std::string_view unit) {
        // One decimal is enough for people; JSON has the exact number.
        const double rounded =
            static_cast<double>(static_cast<std::int64_t>(value * 10 + 0.5)) / 10;
        return number_text(rounded) + std::string(unit);
    };
    if (megabytes >= terabyte) return shown(megabytes / terabyte, "TB");
    if (megabytes >= 1024) return shown(megabytes / 1024, "GB");
    return shown(megabytes, "MB");
}

std::string amount_text(std::string_view resource, double value) {
    return resource == "mem" || resource == "disk" ? format_megabytes(value) : number_text(value);
}

std::string ports_text(const ResourceList& resources) {
    std::string text;
    for (const auto& resource : resources) {
        if (resource.name() != "ports") continue;
        for (const auto& range : resource.ranges().range()) {
            text += (text.empty() ? "" : ",") + range_text(range.begin(), range.end());
        }
    }
    return text;
}

std::string resources_text(const ResourceList& resources) {
    std::map<std::string, double> scalars;
    std::map<std::string, std::string> others;
    for (const auto& resource : resources) {
        if (resource.has_scalar()) {
            scalars[resource.name()] += resource.scalar().value();
            continue;
        }
        std::string& text = others[resource.name()];
        for (const auto& range : resource.ranges().range()) {
            text += (text.empty() ? "" : ",") + range_text(range.begin(), range.end());
        }
        for (const auto& item : resource.set().item()) text += (text.empty() ? "" : ",") + item;
    }
    std::string text;
    const auto add = [&text](const std::string& name, const std::string& amount) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, amount);
    };
    for (const auto& [name, value] : scalars) add(name, amount_text(name, value));
    for (const auto& [name, value] : others) add(name, value);
    return text;
}

std::string attributes_text(const google::protobuf::RepeatedPtrField<mesos::v1::Attribute>& list) {
    std::string text;
    for (const auto& attribute : list)
        text += (text.empty() ? "" : ",") + attribute_text(attribute);
    return text;
}

std::string labels_text(const mesos::v1::Labels& labels) {
    std::string text;
    for (const auto& label : labels.labels()) {
        if (!text.empty()) text += ", ";
        text += label.has_value() ? label.key() + "=" + label.value() : label.key();
    }
    return text;
}

std::string time_text(double seconds_since_epoch) {
    // Beyond the year 9999 no clock of a cluster stands.
    constexpr double latest = 253402300799.0;
    if (!(seconds_since_epoch > 0) || seconds_since_epoch > latest) return "";
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(static_cast<std::time_t>(seconds_since_epoch)));
}

double seconds_of(const mesos::v1::TimeInfo& time) {
    return static_cast<double>(time.nanoseconds()) / 1e9;
}

std::string age_text(double seconds_since_epoch, double now) {
    const double age = std::max(0.0, now - seconds_since_epoch);
    if (age < 120) return fmt::format("{:.0f}s ago", std::floor(age));
    if (age < 120 * 60) return fmt::format("{:.0f}m ago", std::floor(age / 60));
    if (age < 48 * 3600) return fmt::format("{:.0f}h ago", std::floor(age / 3600));
    return fmt::format("{:.0f}d ago", std::floor(age / 86400));
}

std::string roles_text(const mesos::v1::FrameworkInfo& info) {
    // A framework without MULTI_ROLE has its role in a field that is deprecated and must be shown.
    const auto* legacy = info.GetDescriptor()->FindFieldByName("role");
    if (info.roles_size() == 0) return info.GetReflection()->GetString(info, legacy);
    return fmt::format("{}", fmt::join(info.roles().begin(), info.roles().end(), ","));
}

Table::Cell task_state_cell(mesos::v1::TaskState state) {
    const std::string name = mesos::v1::TaskState_Name(state);
    const auto tone = [&] {
        switch (state) {
            case mesos::v1::TASK_RUNNING: return Tone::good;
            case mesos::v1::TASK_STAGING:
            case mesos::v1::TASK_STARTING:
            case mesos::v1::TASK_KILLING:
            case mesos::v1::TASK_UNREACHABLE: return Tone::warning;
            case mesos::v1::TASK_FINISHED:
            case mesos::v1::TASK_KILLED: return Tone::plain;
            default: return Tone::bad;
        }
    }();
    return {name.substr(name.find('_') + 1), tone};
}

Table::Cell agent_state_cell(const mesos::v1::master::Response::GetAgents::Agent& agent) {
    if (agent.has_drain_info())
        return {mesos::v1::DrainState_Name(agent.drain_info().state()), Tone::warning};
    if (agent.deactivated()) return {"DEACTIVATED", Tone::warning};
    return agent.active() ? Table::Cell{"ACTIVE", Tone::good}
                          : Table::Cell{"DISCONNECTED", Tone::bad};
}

Table::Cell framework_state_cell(
    const mesos::v1::master::Response::GetFrameworks::Framework& framework, bool completed) {
    if (completed) return {"COMPLETED"};
    if (!framework.connected()) return {"DISCONNECTED", Tone::bad};
    if (framework.active()) return {"ACTIVE", Tone::good};
    return {"INACTIVE", Tone::warning};
}

std::string reason_text(const mesos::v1::TaskStatus& status) {
    if (!status.has_reason()) return "";
    const std::string name = mesos::v1::TaskStatus::Reason_Name(status.reason());
    return name.substr(name.find('_') + 1);
}

std::string printable(std::string text) {
    for (char& c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) c = '?';
    }
    return text;
}

}  // namespace tepui::cli
