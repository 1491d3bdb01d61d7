#include "resources/entry.h"

#include <algorithm>

namespace tepui {

namespace {

using mesos::v1::Resource;

// Mesos shows these first, in this order; clients don't depend on it, people are used to it.
constexpr std::string_view well_known[] = {"ports", "cpus", "mem", "disk", "gpus"};
constexpr std::uint8_t rank_other = std::size(well_known);

std::uint8_t rank_of(std::string_view name) {
    const auto it = std::find(std::begin(well_known), std::end(well_known), name);
    return static_cast<std::uint8_t>(it - std::begin(well_known));
}

void sort_labels(mesos::v1::Labels& labels) {
    std::sort(labels.mutable_labels()->begin(), labels.mutable_labels()->end(),
              [](const auto& a, const auto& b) {
                  return std::tie(a.key(), a.value()) < std::tie(b.key(), b.value());
              });
}

void append_part(std::string& key, char tag, const std::string& bytes) {
    key += tag;
    key += std::to_string(bytes.size());
    key += ':';
    key += bytes;
}

std::string make_key(const EntryDetails& details) {
    std::string key;
    for (auto reservation : details.reservations) {
        if (reservation.has_labels()) sort_labels(*reservation.mutable_labels());
        append_part(key, 'r', reservation.SerializeAsString());
    }
    if (details.disk) {
        key += 'd';
        if (details.disk->has_source()) {
            auto source = details.disk->source();
            if (source.has_metadata()) sort_labels(*source.mutable_metadata());
            append_part(key, 's', source.SerializeAsString());
        }
        if (details.disk->has_persistence())
            append_part(key, 'p', details.disk->persistence().id());
    }
    if (!details.provider_id.empty()) append_part(key, 'v', details.provider_id);
    return key;
}

template <typename T>
int sign(const T& a, const T& b) {
    return a < b ? -1 : (b < a ? 1 : 0);
}

int compare_details(const Resources::Entry& a, const Resources::Entry& b) {
    if (a.details == b.details) return 0;
    if (!a.details) return -1;
    if (!b.details) return 1;
    return a.details->key.compare(b.details->key);
}

}  // namespace

std::shared_ptr<const EntryDetails> EntryDetails::make(EntryDetails details) {
    if (details.reservations.empty() && !details.disk && details.provider_id.empty())
        return nullptr;
    details.key = make_key(details);
    return std::make_shared<const EntryDetails>(std::move(details));
}

Resources::Entry::Entry(std::string entry_name, Value entry_value)
    : name(std::move(entry_name)), value(std::move(entry_value)), rank(rank_of(name)) {}

bool Resources::Entry::empty() const {
    if (const auto* quantity = std::get_if<Quantity>(&value)) return quantity->milli <= 0;
    if (const auto* ranges = std::get_if<Ranges>(&value)) return ranges->empty();
    return std::get<std::set<std::string>>(value).empty();
}

std::string_view Resources::Entry::reservation_role() const {
    return is_reserved() ? std::string_view(details->reservations.back().role())
                         : std::string_view("*");
}

bool Resources::Entry::is_indivisible() const {
    const auto* info = disk();
    if (!info) return false;
    if (info->has_persistence()) return true;
    if (!info->has_source()) return false;
    switch (info->source().type()) {
        case Resource::DiskInfo::Source::MOUNT:
        case Resource::DiskInfo::Source::BLOCK: return true;
        case Resource::DiskInfo::Source::RAW: return info->source().has_id();
        default: return false;
    }
}

bool Resources::Entry::operator==(const Entry& other) const {
    return compare_kind(*this, other) == 0 && value == other.value && copies == other.copies;
}

int compare_kind(const Resources::Entry& a, const Resources::Entry& b) {
    if (a.rank != b.rank) return a.rank < b.rank ? -1 : 1;
    if (a.rank == rank_other) {
        if (const int order = a.name.compare(b.name)) return order;
    }
    if (a.value.index() != b.value.index()) return a.value.index() < b.value.index() ? -1 : 1;
    if (const int order = a.allocation_role.compare(b.allocation_role)) return order;
    if (a.revocable != b.revocable) return a.revocable ? 1 : -1;
    if (a.shared != b.shared) return a.shared ? 1 : -1;
    if (const int order = compare_details(a, b)) return order;
    if (a.details && a.is_indivisible()) return sign(a.scalar(), b.scalar());
    return 0;
}

}  // namespace tepui
