#include "base/overloaded.h"
#include "resources/entry.h"
#include "resources/resources.h"
#include "resources/value_text.h"

namespace tepui {

using mesos::v1::Resource;

namespace {

std::string reservation_text(const Resource::ReservationInfo& reservation) {
    auto text = fmt::format("({},{}", Resource::ReservationInfo::Type_Name(reservation.type()),
                            reservation.role());
    if (reservation.has_principal()) text += "," + reservation.principal();
    if (reservation.has_labels()) {
        text += ",{";
        const char* separator = "";
        for (const auto& label : reservation.labels().labels()) {
            text += separator + label.key();
            if (label.has_value()) text += ": " + label.value();
            separator = ", ";
        }
        text += "}";
    }
    return text + ")";
}

std::string disk_text(const Resource::DiskInfo& disk) {
    std::string text;
    if (disk.has_source()) {
        const auto& source = disk.source();
        text += Resource::DiskInfo::Source::Type_Name(source.type());
        if (source.has_id() || source.has_profile()) {
            text += fmt::format("({},{})", source.id(), source.profile());
        }
        if (source.has_path()) text += ":" + source.path().root();
        if (source.has_mount()) text += ":" + source.mount().root();
    }
    if (disk.has_persistence()) {
        if (!text.empty()) text += ",";
        text += disk.persistence().id();
    }
    if (disk.has_volume()) text += ":" + disk.volume().container_path();
    return "[" + text + "]";
}

std::string value_text(const Resources::Entry& entry) {
    return std::visit(
        Overloaded{[](const Quantity& value) { return tepui::to_string(value); },
                   [](const Ranges& value) { return tepui::to_string(value); },
                   [](const std::set<std::string>& value) { return tepui::to_string(value); }},
        entry.value);
}

void append(std::string& text, const Resources::Entry& entry) {
    text += entry.name;
    if (!entry.allocation_role.empty())
        text += fmt::format("(allocated: {})", entry.allocation_role);
    if (entry.is_reserved()) {
        text += "(reservations: [";
        const char* separator = "";
        for (const auto& reservation : entry.details->reservations) {
            text += separator + reservation_text(reservation);
            separator = ", ";
        }
        text += "])";
    }
    if (const auto* disk = entry.disk()) text += disk_text(*disk);
    if (entry.revocable) text += "{REV}";
    if (entry.shared) text += "<SHARED>";
    text += ":" + value_text(entry);
    if (entry.copies > 1) text += fmt::format("<{}>", entry.copies);
}

}  // namespace

std::string Resources::to_string() const {
    std::string text;
    for (const auto& entry : entries_) {
        if (!text.empty()) text += "; ";
        append(text, entry);
    }
    return text.empty() ? "{}" : text;
}

}  // namespace tepui
