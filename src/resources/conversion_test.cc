#include "resources/conversion.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "resources/entry.h"
#include "resources/resources_testing.h"

namespace tepui {
namespace {

using mesos::v1::Offer;
using mesos::v1::Resource;
using testing::HasSubstr;

template <typename Message>
Message proto(const std::string& text) {
    Message message;
    const google::protobuf::LogSilencer quiet;  // It warns of the deprecated `role`.
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
    return message;
}

Offer::Operation operation(const std::string& text) { return proto<Offer::Operation>(text); }

std::string disk(int amount, const std::string& more = "") {
    return fmt::format("name: 'disk' type: SCALAR scalar {{ value: {} }} {}", amount, more);
}

const std::string cpus = "name: 'cpus' type: SCALAR scalar { value: 1 } ";
const std::string for_a = "reservations { type: DYNAMIC role: 'a' } ";
const std::string static_a = "reservations { type: STATIC role: 'a' } ";
const std::string for_sub = for_a + "reservations { type: DYNAMIC role: 'a/sub' } ";
const std::string volume_v =
    "disk { persistence { id: 'v' } volume { container_path: 'data' mode: RW } } ";
const std::string mount_v =
    "disk { persistence { id: 'v' } volume { container_path: 'data' mode: RW } "
    "source { type: MOUNT mount { root: '/m' } } } ";
const std::string on_path = "disk { source { type: PATH path { root: '/p' } } } ";

struct Converts {
    const char* name;
    std::string operation;
    const char* consumed;
    const char* converted;
};

TEST(Conversion, SaysWhatEveryOperationTakesAndMakes) {
    const Converts rows[] = {
        {"reserve", "type: RESERVE reserve { resources { " + cpus + for_a + "} }", "cpus:1",
         "cpus(reservations: [(DYNAMIC,a)]):1"},
        {"reserve, older form",
         "type: RESERVE reserve { resources { " + cpus + "role: 'a' reservation {} } }", "cpus:1",
         "cpus(reservations: [(DYNAMIC,a)]):1"},
        {"refine", "type: RESERVE reserve { resources { " + cpus + for_sub + "} }",
         "cpus(reservations: [(DYNAMIC,a)]):1",
         "cpus(reservations: [(DYNAMIC,a), (DYNAMIC,a/sub)]):1"},
        {"with source",
         "type: RESERVE reserve { source { " + cpus + for_sub + "} resources { " + cpus +
             "reservations { type: DYNAMIC role: 'b' } } }",
         "cpus(reservations: [(DYNAMIC,a), (DYNAMIC,a/sub)]):1",
         "cpus(reservations: [(DYNAMIC,b)]):1"},
        {"unreserve", "type: UNRESERVE unreserve { resources { " + cpus + for_sub + "} }",
         "cpus(reservations: [(DYNAMIC,a), (DYNAMIC,a/sub)]):1",
         "cpus(reservations: [(DYNAMIC,a)]):1"},
        {"create", "type: CREATE create { volumes { " + disk(10, for_a + volume_v) + "} }",
         "disk(reservations: [(DYNAMIC,a)]):10", "disk(reservations: [(DYNAMIC,a)])[v:data]:10"},
        {"create on a static reservation",
         "type: CREATE create { volumes { " + disk(10, static_a + volume_v) + "} }",
         "disk(reservations: [(STATIC,a)]):10", "disk(reservations: [(STATIC,a)])[v:data]:10"},
        {"destroy", "type: DESTROY destroy { volumes { " + disk(10, for_a + volume_v) + "} }",
         "disk(reservations: [(DYNAMIC,a)])[v:data]:10", "disk(reservations: [(DYNAMIC,a)]):10"},
        {"destroy shared",
         "type: DESTROY destroy { volumes { " + disk(10, for_a + volume_v + "shared {}") + "} }",
         "disk(reservations: [(DYNAMIC,a)])[v:data]<SHARED>:10",
         "disk(reservations: [(DYNAMIC,a)]):10"},
        {"grow",
         "type: GROW_VOLUME grow_volume { volume { " + disk(10, for_a + volume_v) +
             "} addition { " + disk(5, for_a) + "} }",
         "disk(reservations: [(DYNAMIC,a)]):5; disk(reservations: [(DYNAMIC,a)])[v:data]:10",
         "disk(reservations: [(DYNAMIC,a)])[v:data]:15"},
        {"shrink",
         "type: SHRINK_VOLUME shrink_volume { volume { " + disk(10, for_a + volume_v) +
             "} subtract { value: 3 } }",
         "disk(reservations: [(DYNAMIC,a)])[v:data]:10",
         "disk(reservations: [(DYNAMIC,a)]):3; disk(reservations: [(DYNAMIC,a)])[v:data]:7"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto conversion = conversion_of(operation(row.operation));
        ASSERT_TRUE(conversion) << conversion.error().text;
        EXPECT_EQ(conversion->consumed.to_string(), row.consumed);
        EXPECT_EQ(conversion->converted.to_string(), row.converted);
        EXPECT_EQ(conversion->consumed.scalars(), conversion->converted.scalars());
    }
}

struct Refused {
    std::string operation;
    const char* why;
};

std::string create(const std::string& volume) {
    return "type: CREATE create { volumes { " + volume + " } }";
}

std::string at(const std::string& volume) {
    return create(disk(10, for_a + "disk { persistence { id: 'v' } volume { " + volume + " } }"));
}

TEST(Conversion, RefusesReservationsThatCannotBe) {
    const Refused rows[] = {
        {"type: RESERVE reserve {}", "no resources to reserve given"},
        {"type: RESERVE", "has no such field"},
        {"type: LAUNCH launch {}", "converts no resources"},
        {"type: CREATE_DISK", "no resource providers"},
        {"type: DESTROY_DISK", "no resource providers"},
        {"type: RESERVE reserve { resources { " + cpus + "} }", "not dynamically reserved"},
        {"type: RESERVE reserve { resources { " + cpus + static_a + "} }",
         "not dynamically reserved"},
        {"type: RESERVE reserve { resources { " + cpus + "revocable {} } source { " + cpus + "} }",
         "is revocable"},
        {"type: RESERVE reserve { resources { " + disk(1, for_a + volume_v) + "} }",
         "is a persistent volume"},
        {"type: RESERVE reserve { resources { " + disk(0, for_a) + "} }", "has no amount"},
        {"type: RESERVE reserve { resources { " + cpus + for_a + "provider_id { value: 'p' } } }",
         "no resource providers"},
        {"type: RESERVE reserve { resources { " + cpus +
             "reservations { type: DYNAMIC role: 'a/"
             "/b' } } }",
         "role 'a//b'"},
        {"type: RESERVE reserve { source { " + disk(1) + "} resources { " + disk(2, for_a) + "} }",
         "differ in more than dynamic reservations"},
        // A static reservation cannot be taken away, only refined.
        {"type: RESERVE reserve { source { " + cpus + static_a + "} resources { " + cpus +
             "reservations { type: DYNAMIC role: 'b' } } }",
         "differ in more than dynamic reservations"},
        {"type: UNRESERVE unreserve { resources { " + cpus + static_a + "} }",
         "not dynamically reserved"},
        {"type: UNRESERVE unreserve { resources { " + cpus + "} }", "not dynamically reserved"},
        {"type: UNRESERVE unreserve { resources { " + disk(1, for_a + volume_v) + "} }",
         "destroy the volume first"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.operation);
        const auto conversion = conversion_of(operation(row.operation));
        ASSERT_FALSE(conversion) << conversion->converted.to_string();
        EXPECT_EQ(conversion.error().code, Errc::invalid_argument);
        EXPECT_THAT(conversion.error().text, HasSubstr(row.why));
    }
}

TEST(Conversion, RefusesVolumesThatCannotBe) {
    const std::string volume = "volume { " + disk(10, for_a + volume_v) + "} ";
    const std::string grow = "type: GROW_VOLUME grow_volume { ";
    const std::string shrink = "type: SHRINK_VOLUME shrink_volume { ";
    const Refused rows[] = {
        {create(disk(10, volume_v)), "not reserved"},
        {create(disk(10, for_a)), "no disk.persistence"},
        {create(disk(10, for_a + "disk { persistence { id: 'v' } }")), "no disk.volume"},
        {create(disk(10, for_a + "disk { persistence { id: 'a/b' } volume { container_path: 'd' "
                                 "mode: RW } }")),
         "persistence id"},
        {create(disk(10, for_a + "disk { persistence { id: 'v' } volume { container_path: 'd' "
                                 "mode: RW } source { type: RAW } }")),
         "of type RAW"},
        {at("container_path: 'd' mode: RO"), "not RW"},
        {at("container_path: 'd' mode: RW host_path: '/etc'"), "host_path"},
        {at("container_path: '/d' mode: RW"), "not relative"},
        {at("container_path: '' mode: RW"), "is empty"},
        {at("container_path: 'x/../../d' mode: RW"), "leads out of the sandbox"},
        {"type: CREATE create { volumes { " + disk(10, for_a + volume_v) + "} volumes { " +
             disk(20, for_a + volume_v) + "} }",
         "given twice"},
        {"type: DESTROY destroy { volumes { " + disk(10, for_a + volume_v + "shared {}") +
             "} volumes { " + disk(10, for_a + volume_v + "shared {}") + "} }",
         "given twice"},
        {grow + volume + "addition { " + disk(5) + "} }", "reservations and source"},
        {grow + volume + "addition { " + disk(5, for_a + on_path) + "} }",
         "reservations and source"},
        {grow + volume + "addition { " + cpus + for_a + "} }", "reservations and source"},
        {grow + "volume { " + disk(10, for_a + volume_v + "shared {}") + "} addition { " +
             disk(5, for_a) + "} }",
         "is shared"},
        {grow + "volume { " + disk(10, for_a + mount_v) + "} addition { " + disk(5, for_a) + "} }",
         "MOUNT"},
        {shrink + volume + "subtract { value: 10 } }", "less than the volume"},
        {shrink + volume + "subtract { value: 0.0001 } }", "above 0"},
        {shrink + volume + "subtract { value: -1 } }", "above 0"},
        {shrink + volume + "subtract { value: nan } }", "above 0"},
        {shrink + "volume { " + disk(10, for_a + mount_v) + "} subtract { value: 1 } }", "MOUNT"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.operation);
        const auto conversion = conversion_of(operation(row.operation));
        ASSERT_FALSE(conversion) << conversion->converted.to_string();
        EXPECT_EQ(conversion.error().code, Errc::invalid_argument);
        EXPECT_THAT(conversion.error().text, HasSubstr(row.why));
    }
}

TEST(Conversion, IsAppliedOnlyToWhatIsThere) {
    const auto reserve =
        conversion_of(operation("type: RESERVE reserve { resources { " + cpus + for_a + "} }"));
    ASSERT_TRUE(reserve);
    const auto reserved = convert(resources_of("cpus:3;mem:5"), *reserve);
    ASSERT_TRUE(reserved) << reserved.error().text;
    EXPECT_EQ(reserved->to_string(), "cpus:2; cpus(reservations: [(DYNAMIC,a)]):1; mem:5");
    const auto lacking = convert(resources_of("cpus:0.5"), *reserve);
    ASSERT_FALSE(lacking);
    EXPECT_EQ(lacking.error().code, Errc::conflict);
    EXPECT_EQ(lacking.error().text, "cpus:0.5 does not contain cpus:1");
}

TEST(Conversion, TakesMountDisksWhole) {
    const auto resources = Resources::parse(
        proto<Resource>(disk(100, for_a + "disk { source { type: MOUNT mount { root: '/m' } } }")));
    ASSERT_TRUE(resources);
    const auto part = conversion_of(operation(create(disk(40, for_a + mount_v))));
    const auto whole = conversion_of(operation(create(disk(100, for_a + mount_v))));
    ASSERT_TRUE(part && whole);
    EXPECT_FALSE(convert(*resources, *part));
    EXPECT_TRUE(convert(*resources, *whole));
}

TEST(Checkpointed, IsWhatWasReservedAndMadeAtRunTime) {
    auto total = resources_of("cpus:4;cpus(a):1;disk:100");
    for (const std::string& text :
         {cpus + for_a + "allocation_info { role: 'a' }", disk(7, static_a + volume_v),
          cpus + static_a + "reservations { type: DYNAMIC role: 'a/sub' }",
          cpus + "revocable {}"}) {
        total += *Resources::parse(proto<Resource>(text));
    }
    EXPECT_EQ(checkpointed_part(total).to_string(),
              "cpus(reservations: [(STATIC,a), (DYNAMIC,a/sub)]):1; "
              "cpus(reservations: [(DYNAMIC,a)]):1; "
              "disk(reservations: [(STATIC,a)])[v:data]:7");
}

TEST(Checkpointed, TakesThePlaceOfWhatItIsMadeOf) {
    const auto configured = resources_of("cpus:4;disk(a):100;disk:50");
    auto kept = *Resources::parse(proto<Resource>(disk(7, static_a + volume_v)));
    kept += *Resources::parse(proto<Resource>(cpus + for_sub));
    const auto total = with_checkpointed(configured, kept);
    ASSERT_TRUE(total) << total.error().text;
    EXPECT_EQ(total->to_string(),
              "cpus:3; cpus(reservations: [(DYNAMIC,a), (DYNAMIC,a/sub)]):1; disk:50; "
              "disk(reservations: [(STATIC,a)]):93; disk(reservations: [(STATIC,a)])[v:data]:7");
    const auto lacking = with_checkpointed(resources_of("cpus:0.5;disk(a):100"), kept);
    ASSERT_FALSE(lacking);
    EXPECT_EQ(lacking.error().code, Errc::conflict);
}

// Whatever is reserved, and made a volume of, can be kept over a restart and undone.
RC_GTEST_PROP(ConversionProperties, WhatIsReservedIsKeptAndUndone, ()) {
    const Resources generated =
        (*gen_resources(0)).unallocated().nonrevocable().filter([](const Resources::Entry& entry) {
            return !entry.is_reserved() && entry.disk() == nullptr;
        });
    const Resources configured = generated + resources_of("wool:3");
    const auto part = resources_of("wool:1.5") + generated.filter([](const Resources::Entry&) {
        return *rc::gen::arbitrary<bool>();
    });
    Offer::Operation reserve;
    reserve.set_type(Offer::Operation::RESERVE);
    *reserve.mutable_reserve()->mutable_resources() =
        part.push_reservation(reservation_of(Resource::ReservationInfo::DYNAMIC, "a", "ops"))
            .to_proto();
    Offer::Operation unreserve;
    unreserve.set_type(Offer::Operation::UNRESERVE);
    *unreserve.mutable_unreserve()->mutable_resources() = reserve.reserve().resources();

    const auto there = conversion_of(reserve);
    const auto back = conversion_of(unreserve);
    RC_ASSERT(there.has_value());
    RC_ASSERT(back.has_value());
    const auto reserved = convert(configured, *there);
    RC_ASSERT(reserved.has_value());
    RC_ASSERT(checkpointed_part(*reserved) == there->converted);
    const auto readmitted = with_checkpointed(configured, checkpointed_part(*reserved));
    RC_ASSERT(readmitted.has_value());
    RC_ASSERT(*readmitted == *reserved);
    const auto undone = convert(*reserved, *back);
    RC_ASSERT(undone.has_value());
    RC_ASSERT(*undone == configured);
}

}  // namespace
}  // namespace tepui
