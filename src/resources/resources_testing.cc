#include "resources/resources_testing.h"

#include "base/assert.h"
#include "resources/entry.h"

namespace tepui {

using mesos::v1::Resource;

namespace {

std::shared_ptr<const EntryDetails> make_details(int kind) {
    EntryDetails details;
    using Info = Resource::ReservationInfo;
    if (kind >= 1) details.reservations.push_back(reservation_of(Info::STATIC, "a"));
    if (kind == 2) details.reservations.push_back(reservation_of(Info::DYNAMIC, "a/b", "ops"));
    if (kind == 3) details.reservations[0] = reservation_of(Info::DYNAMIC, "a", "ops");
    if (kind == 4) details.reservations[0].set_type(Info::DYNAMIC);
    return EntryDetails::make(std::move(details));
}

Resources::Entry make_volume(int id, bool shared) {
    Resources::Entry entry("disk", Quantity{1000 * (1 + id)});
    EntryDetails details;
    details.reservations.push_back(reservation_of(Resource::ReservationInfo::DYNAMIC, "a"));
    details.disk.emplace();
    details.disk->mutable_persistence()->set_id("v" + std::to_string(id));
    details.disk->mutable_volume()->set_container_path("data");
    details.disk->mutable_volume()->set_mode(mesos::v1::Volume::RW);
    entry.details = EntryDetails::make(std::move(details));
    entry.shared = shared;
    return entry;
}

Resources::Entry::Value make_value(int name, int amount, int seed_slot) {
    if (name <= 2) return Quantity{amount * 100};
    const auto place = static_cast<std::uint64_t>(2 * (amount % 20) + seed_slot) * 10;
    if (name == 3) return Ranges{{{place, place + static_cast<std::uint64_t>(amount % 9)}}};
    return std::set<std::string>{std::to_string(place)};
}

}  // namespace

Resources resources_of(std::string_view text) {
    auto resources = Resources::parse_flag(text);
    TEPUI_ASSERT_WHY(resources.has_value(), text);
    return *std::move(resources);
}

Resource::ReservationInfo reservation_of(Resource::ReservationInfo::Type type,
                                         std::string_view role, std::string_view principal) {
    Resource::ReservationInfo reservation;
    reservation.set_type(type);
    reservation.set_role(std::string(role));
    if (!principal.empty()) reservation.set_principal(std::string(principal));
    return reservation;
}

rc::Gen<Resources> gen_resources(int seed_slot) {
    return rc::gen::exec([seed_slot] {
        static constexpr const char* names[] = {"cpus", "mem", "wood", "ports", "kinds"};
        static constexpr const char* roles[] = {"", "a", "a/b"};
        std::vector<Resources::Entry> entries;
        const int count = *rc::gen::inRange(0, 6);
        for (int i = 0; i < count; ++i) {
            const int name = *rc::gen::inRange(0, 7);
            if (name >= 5) {
                // Volumes of one id exist once; copies of a shared one may be in both sums.
                const int id = *rc::gen::inRange(0, 3);
                entries.push_back(name == 5 ? make_volume(10 * seed_slot + id, false)
                                            : make_volume(id + 100, true));
            } else {
                Resources::Entry entry(names[name],
                                       make_value(name, *rc::gen::inRange(0, 40), seed_slot));
                entry.details = make_details(*rc::gen::inRange(0, 5));
                entry.revocable = !entry.details && *rc::gen::inRange(0, 4) == 0;
                entries.push_back(std::move(entry));
            }
            entries.back().allocation_role = roles[*rc::gen::inRange(0, 3)];
        }
        return Resources::from_entries(std::move(entries));
    });
}

}  // namespace tepui
