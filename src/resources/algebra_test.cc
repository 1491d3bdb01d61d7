// The laws of the algebra, over any resources.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "resources/entry.h"
#include "resources/resources_testing.h"

namespace tepui {
namespace {

RC_GTEST_PROP(ResourceAlgebra, AdditionCommutes, ()) {
    const auto a = *gen_resources(0);
    const auto b = *gen_resources(1);
    RC_ASSERT(a + b == b + a);
    RC_ASSERT((a + b).to_string() == (b + a).to_string());
}

RC_GTEST_PROP(ResourceAlgebra, AdditionAssociates, ()) {
    const auto a = *gen_resources(0);
    const auto b = *gen_resources(1);
    const auto c = *gen_resources(1);
    RC_ASSERT((a + b) + c == a + (b + c));
}

RC_GTEST_PROP(ResourceAlgebra, SubtractionUndoesAddition, ()) {
    const auto a = *gen_resources(0);
    const auto b = *gen_resources(1);
    RC_ASSERT((a + b) - b == a);
    RC_ASSERT((a + b) - a == b);
    RC_ASSERT((a - a).empty());
}

RC_GTEST_PROP(ResourceAlgebra, ASumContainsItsParts, ()) {
    const auto a = *gen_resources(0);
    const auto b = *gen_resources(1);
    RC_ASSERT((a + b).contains(a));
    RC_ASSERT((a + b).contains(b));
    RC_ASSERT((a + b).contains(a + b));
    RC_ASSERT(a.contains(Resources{}));
    if (!b.empty()) RC_ASSERT(!a.contains(a + b));
}

RC_GTEST_PROP(ResourceAlgebra, WhatIsContainedAddsBack, ()) {
    const auto a = *gen_resources(0);
    const auto b = *gen_resources(0);
    if (a.contains(b)) RC_ASSERT((a - b) + b == a);
    // Subtracting more than there is leaves nothing negative.
    RC_ASSERT(a.contains(a - b));
}

RC_GTEST_PROP(ResourceAlgebra, SelectionsPartition, ()) {
    const auto a = *gen_resources(0);
    RC_ASSERT(a.revocable() + a.nonrevocable() == a);
    RC_ASSERT(a.shared() + a.nonshared() == a);
    auto by_reservation = a.unreserved();
    for (const auto& role : a.reserved_roles()) by_reservation += a.reserved_for(role);
    RC_ASSERT(by_reservation == a);
    Resources by_allocation;
    for (const auto& [role, part] : a.by_allocation_role()) by_allocation += part;
    RC_ASSERT(by_allocation == a);
}

RC_GTEST_PROP(ResourceAlgebra, AllocationIsSetAndCleared, ()) {
    const auto a = (*gen_resources(0)).unallocated();
    RC_ASSERT(a.allocated_to("x").unallocated() == a);
    for (const auto& entry : a.allocated_to("x").entries()) RC_ASSERT(entry.allocation_role == "x");
}

RC_GTEST_PROP(ResourceWire, RoundTrips, ()) {
    const auto a = *gen_resources(0);
    const auto back = Resources::parse(a.to_proto());
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == a);
    RC_ASSERT(*Resources::parse(a.to_proto_endpoint()) == a);
}

RC_GTEST_PROP(ResourceWire, LegacyRoundTripsWithoutRefinement, ()) {
    const auto a = *gen_resources(0);
    const auto understood =
        a.filter([](const Resources::Entry& entry) { return !entry.is_refined(); });
    const auto legacy = a.to_proto_legacy();
    for (const auto& resource : legacy) RC_ASSERT(resource.reservations_size() == 0);
    const auto back = Resources::parse(legacy);
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == understood);
    auto list = legacy;
    to_reservations_format(list);
    RC_ASSERT(*Resources::parse(list) == understood);
}

RC_GTEST_PROP(ResourceReservations, PopUndoesPush, ()) {
    const auto a = (*gen_resources(0)).nonrevocable();
    const auto reservation =
        reservation_of(mesos::v1::Resource::ReservationInfo::DYNAMIC, "a/b/c", "me");
    RC_ASSERT(a.push_reservation(reservation).pop_reservation() == a);
    RC_ASSERT(a.push_reservation(reservation).reserved_for("a/b/c") ==
              a.push_reservation(reservation));
}

/// Ranges against a plain set of numbers.
RC_GTEST_PROP(RangesAlgebra, IsTheAlgebraOfSets, ()) {
    const auto make = [] {
        std::set<std::uint64_t> members;
        for (const auto value : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30))) {
            members.insert(static_cast<std::uint64_t>(value));
        }
        Ranges ranges;
        for (const auto value : members) ranges.list.push_back({value, value});
        normalize(ranges);
        return std::pair{members, ranges};
    };
    const auto members_of = [](const Ranges& ranges) {
        std::set<std::uint64_t> members;
        for (const auto& range : ranges.list) {
            for (auto value = range.begin; value <= range.end; ++value) members.insert(value);
        }
        return members;
    };
    const auto [a_set, a] = make();
    const auto [b_set, b] = make();
    auto sum_set = a_set;
    sum_set.insert(b_set.begin(), b_set.end());
    auto difference_set = a_set;
    for (const auto value : b_set) difference_set.erase(value);
    auto sum = a;
    sum += b;
    auto difference = a;
    difference -= b;
    RC_ASSERT(members_of(sum) == sum_set);
    RC_ASSERT(members_of(difference) == difference_set);
    RC_ASSERT(a.contains(b) ==
              std::includes(a_set.begin(), a_set.end(), b_set.begin(), b_set.end()));
    auto normal = difference;
    normalize(normal);
    RC_ASSERT(normal == difference);
}

TEST(RangesAlgebra, HoldsAtTheEndOfTheNumbers) {
    const auto top = std::numeric_limits<std::uint64_t>::max();
    Ranges all{{{0, top}}};
    all -= Ranges{{{5, top}}};
    EXPECT_EQ(to_string(all), "[0-4]");
    all += Ranges{{{top, top}, {5, 9}}};
    EXPECT_EQ(to_string(all), fmt::format("[0-9, {0}-{0}]", top));
}

}  // namespace
}  // namespace tepui
