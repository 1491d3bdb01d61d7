#include "resources/resources.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "resources/attributes.h"
#include "resources/entry.h"
#include "resources/id_validation.h"
#include "resources/resources_testing.h"

namespace tepui {
namespace {

using mesos::v1::Resource;
using testing::HasSubstr;

Resource proto(const std::string& text) {
    Resource resource;
    const google::protobuf::LogSilencer quiet;  // It warns of the deprecated `role`.
    // Partial: some rows leave required fields out on purpose.
    google::protobuf::TextFormat::Parser parser;
    parser.AllowPartialMessage(true);
    EXPECT_TRUE(parser.ParseFromString(text, &resource)) << text;
    return resource;
}

const std::string volume_text =
    "name: 'disk' type: SCALAR scalar { value: 100 } reservations { type: DYNAMIC role: 'a' } "
    "disk { persistence { id: 'v1' } volume { container_path: 'data' mode: RW } }";

TEST(ResourcesFlag, ReadsBothSyntaxes) {
    struct Row {
        const char* text;
        const char* want;
    };
    const Row rows[] = {
        {"cpus:4;mem:1024;ports:[31000-32000]", "ports:[31000-32000]; cpus:4; mem:1024"},
        {" cpus : 0.1 ; mem:32; ", "cpus:0.1; mem:32"},
        {"cpus:1;cpus:2", "cpus:3"},
        {"cpus(a):1;cpus:2", "cpus:2; cpus(reservations: [(STATIC,a)]):1"},
        {"ports:[1-3, 4-6,9-9]", "ports:[1-6, 9-9]"},
        {"kinds:{b,a}", "kinds:{a, b}"},
        {"cpus:0;ports:[]", "{}"},
        {"", "{}"},
        {R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2}}])", "cpus:2"},
        {R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2},"role":"a","what":1}])",
         "cpus(reservations: [(STATIC,a)]):2"},
        {R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2},
              "reservations":[{"type":"STATIC","role":"a"}]}])",
         "cpus(reservations: [(STATIC,a)]):2"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto resources = Resources::parse_flag(row.text);
        ASSERT_TRUE(resources) << resources.error().text;
        EXPECT_EQ(resources->to_string(), row.want);
    }
}

TEST(ResourcesFlag, TheDefaultRoleReservesWhatNamesNone) {
    EXPECT_EQ(Resources::parse_flag("cpus:1;mem(b):2;disk(*):3", "a")->to_string(),
              "cpus(reservations: [(STATIC,a)]):1; mem(reservations: [(STATIC,b)]):2; disk:3");
    EXPECT_EQ(
        Resources::parse_flag(R"([{"name":"cpus","type":"SCALAR","scalar":{"value":1}}])", "a")
            ->to_string(),
        "cpus(reservations: [(STATIC,a)]):1");
}

TEST(ResourcesFlag, SaysWhatIsWrong) {
    struct Row {
        const char* text;
        const char* want;
    };
    const Row rows[] = {
        {"cpus", "resource 'cpus': expected NAME:VALUE"},
        {"cpus:x", "resource 'cpus': 'x' is not a number"},
        {"cpus:nan", "resource 'cpus': 'nan' is not a number"},
        {"cpus:-1", "resource 'cpus': -1 is negative"},
        {"cpus:1e30", "resource 'cpus': 1e+30 is too large"},
        {"gpus:0.5", "resource 'gpus': 0.5 is not a whole number"},
        {"cpus(a:1", "lacks its ')'"},
        {"cpus(a//b):1", "resource 'cpus': role 'a//b'"},
        {":1", "the name is missing"},
        {"ports:[5-1]", "resource 'ports': range '5-1' runs backwards"},
        {"ports:[1-3,2-4]", "resource 'ports': range '2-4' overlaps"},
        {"ports:[a-b]", "resource 'ports': 'a-b' is not a range"},
        {"ports:[1-2", "resource 'ports': '[1-2' lacks its ']'"},
        {"kinds:{a,a}", "resource 'kinds': set item 'a' is given twice"},
        {"cpus:1;cpus:[1-2]", "resource 'cpus': given with two types"},
        {"[{]", "not a JSON list"},
        {R"([{"name":"cpus"}])", "resources: not a JSON list"},
        {R"([{"name":"cpus","type":"SCALAR"}])", "resource 'cpus': the value does not fit"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto resources = Resources::parse_flag(row.text);
        ASSERT_FALSE(resources);
        EXPECT_EQ(resources.error().code, Errc::invalid_argument);
        EXPECT_THAT(resources.error().text, HasSubstr(row.want));
    }
}

TEST(ResourcesParse, RefusesWhatTheWireForbids) {
    const std::string cpus = "name: 'cpus' type: SCALAR scalar { value: 1 } ";
    const std::string disk = "name: 'disk' type: SCALAR scalar { value: 1 } ";
    struct Row {
        std::string text;
        const char* want;
    };
    const Row rows[] = {
        {"type: SCALAR scalar { value: 1 }", "a resource has no name"},
        {"name: 'cpus' type: TEXT", "the type TEXT is not supported"},
        {"name: 'cpus' type: RANGES scalar { value: 1 }", "does not fit the type RANGES"},
        {"name: 'cpus' type: SCALAR scalar { value: inf }", "not a finite number"},
        {"name: 'p' type: RANGES ranges { range { begin: 2 end: 1 } }", "runs backwards"},
        {"name: 'p' type: RANGES ranges { range { begin: 1 end: 3 } range { begin: 3 end: 4 } }",
         "overlap"},
        {"name: 'k' type: SET set { item: 'a' item: 'a' }", "given twice"},
        {cpus + "role: 'a b'", "role 'a b'"},
        {cpus + "reservation {}", "the role '*' cannot have a 'reservation'"},
        {cpus + "role: 'a' reservation { role: 'a' }", "of its own"},
        {cpus + "role: 'b' reservations { type: STATIC role: 'a' }", "cannot be mixed"},
        {cpus + "role: 'a' reservation {} reservations { type: STATIC role: 'a' }",
         "cannot be mixed"},
        {cpus + "reservations { role: 'a' }", "needs the type"},
        {cpus + "reservations { type: STATIC role: '*' }", "for the role '*'"},
        {cpus + "reservations { type: DYNAMIC role: 'a//b' }", "role 'a//b'"},
        {cpus + "reservations { type: STATIC role: 'a' } reservations { type: DYNAMIC role: 'b' }",
         "role 'b' does not refine role 'a'"},
        {cpus + "reservations { type: STATIC role: 'a' } reservations { type: DYNAMIC role: 'a' }",
         "role 'a' does not refine role 'a'"},
        {cpus + "reservations { type: STATIC role: 'a' } reservations { type: STATIC role: 'a/b' }",
         "refined reservation cannot be STATIC"},
        {cpus + "disk { persistence { id: 'x' } }", "only 'disk' resources"},
        {disk + "disk { source { type: UNKNOWN } }", "source is unknown"},
        {disk + "disk { source { type: PATH mount { root: '/m' } } }", "must fit the type"},
        {cpus + "shared {}", "only persistent volumes can be shared"},
        {volume_text + " revocable {}", "cannot be revocable"},
        {cpus + "revocable {} reservations { type: DYNAMIC role: 'a' }",
         "cannot be dynamically reserved"},
        {cpus + "allocation_info { role: '-x' }", "role '-x'"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto resources = Resources::parse(proto(row.text));
        ASSERT_FALSE(resources);
        EXPECT_THAT(resources.error().text, HasSubstr(row.want));
    }
}

// The three forms of one reservation, as golden/sharing.json has them.
TEST(ResourcesParse, WritesEachForm) {
    const std::string value = "name: 'cpus' type: SCALAR scalar { value: 1 } ";
    struct Row {
        const char* name;
        std::string wire, legacy, endpoint;
    };
    const Row rows[] = {
        {"unreserved", value, value + "role: '*'", value + "role: '*'"},
        {"static", value + "reservations { type: STATIC role: 'a' }", value + "role: 'a'",
         value + "role: 'a' reservations { type: STATIC role: 'a' }"},
        {"dynamic", value + "reservations { type: DYNAMIC role: 'a' principal: 'ops' }",
         value + "role: 'a' reservation { principal: 'ops' }",
         value + "role: 'a' reservation { principal: 'ops' } "
                 "reservations { type: DYNAMIC role: 'a' principal: 'ops' }"},
        {"dynamic, nobody's", value + "reservations { type: DYNAMIC role: 'b' }",
         value + "role: 'b' reservation {}",
         value + "role: 'b' reservation {} reservations { type: DYNAMIC role: 'b' }"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        for (const auto& form : {row.wire, row.legacy, row.endpoint}) {
            const auto resources = Resources::parse(proto(form));
            ASSERT_TRUE(resources) << resources.error().text;
            EXPECT_EQ(resources->to_proto()[0].DebugString(), proto(row.wire).DebugString());
            EXPECT_EQ(resources->to_proto_legacy()[0].DebugString(),
                      proto(row.legacy).DebugString());
            EXPECT_EQ(resources->to_proto_endpoint()[0].DebugString(),
                      proto(row.endpoint).DebugString());
        }
    }
    const auto refined = *Resources::parse(proto(
        value +
        "reservations { type: STATIC role: 'a' } reservations { type: DYNAMIC role: 'a/b' }"));
    EXPECT_TRUE(refined.to_proto_legacy().empty());
    EXPECT_EQ(refined.to_proto_endpoint()[0].DebugString(), refined.to_proto()[0].DebugString());
}

TEST(ResourcesText, IsAsMesosWritesIt) {
    const auto all =
        resources_of("cpus:8;mem:16384;disk:20000;ports:[31000-32000]").allocated_to("*");
    EXPECT_EQ(all.to_string(),
              "ports(allocated: *):[31000-32000]; cpus(allocated: *):8; mem(allocated: *):16384; "
              "disk(allocated: *):20000");
    const auto dynamic =
        resources_of("disk:200")
            .push_reservation(reservation_of(Resource::ReservationInfo::DYNAMIC, "a"))
            .allocated_to("a");
    EXPECT_EQ(dynamic.to_string(), "disk(allocated: a)(reservations: [(DYNAMIC,a)]):200");
    auto shared = proto(volume_text);
    shared.mutable_shared();
    const auto volume = *Resources::parse(shared);
    EXPECT_EQ((volume + volume).to_string(),
              "disk(reservations: [(DYNAMIC,a)])[v1:data]<SHARED>:100<2>");
}

TEST(ResourcesAlgebra, VolumesAreIndivisible) {
    const auto volume = *Resources::parse(proto(volume_text));
    auto half_text = volume_text;
    half_text.replace(half_text.find("100"), 3, "50");
    const auto half = *Resources::parse(proto(half_text));
    EXPECT_FALSE(volume.contains(half));
    EXPECT_EQ(volume - half, volume);
    EXPECT_EQ((volume + volume).size(), 2U);
    EXPECT_EQ((volume + volume) - volume, volume);
    EXPECT_FALSE(volume.contains(volume + volume));
    EXPECT_EQ(volume.without_persistence().to_string(), "disk(reservations: [(DYNAMIC,a)]):100");
}

TEST(ResourcesAlgebra, ATaskMayMountAVolumeElsewhere) {
    const auto offered = *Resources::parse(proto(volume_text));
    auto used = proto(volume_text);
    used.mutable_disk()->mutable_volume()->set_container_path("elsewhere");
    EXPECT_TRUE(offered.contains(*Resources::parse(used)));
    used.mutable_disk()->mutable_persistence()->set_id("v2");
    EXPECT_FALSE(offered.contains(*Resources::parse(used)));
}

TEST(ResourcesAlgebra, SharedResourcesAreCountedByCopies) {
    auto text = proto(volume_text);
    text.mutable_shared();
    const auto one = *Resources::parse(text);
    const auto three = one + one + one;
    EXPECT_EQ(three.size(), 1U);
    EXPECT_EQ(three.scalar("disk"), Quantity{100'000});
    EXPECT_EQ(three.to_proto().size(), 3);
    EXPECT_TRUE(three.contains(one + one));
    EXPECT_FALSE((one + one).contains(three));
    EXPECT_TRUE((three - one - one - one).empty());
    EXPECT_TRUE((one - three).empty());
}

TEST(ResourcesAlgebra, KindsThatDifferDoNotMix) {
    const auto plain = resources_of("cpus:1");
    auto revocable_proto = plain.to_proto()[0];
    revocable_proto.mutable_revocable();
    auto provided_proto = plain.to_proto()[0];
    provided_proto.mutable_provider_id()->set_value("p");
    const Resources others[] = {*Resources::parse(revocable_proto),
                                *Resources::parse(provided_proto),
                                resources_of("cpus(a):1"),
                                plain.allocated_to("a"),
                                resources_of("mem:1"),
                                resources_of("cpus:[1-1]")};
    for (const auto& other : others) {
        SCOPED_TRACE(other.to_string());
        EXPECT_FALSE(plain.contains(other));
        EXPECT_EQ(plain - other, plain);
        EXPECT_EQ((plain + other).size(), 2U);
    }
    EXPECT_EQ(resources_of("cpus:0.1") + resources_of("cpus:0.2"), resources_of("cpus:0.3"));
}

TEST(ResourcesAlgebra, ReservationsMergeWhateverTheOrderOfLabels) {
    const std::string start =
        "name: 'cpus' type: SCALAR scalar { value: 1 } reservations { type: DYNAMIC role: 'a' "
        "labels { ";
    const auto a =
        *Resources::parse(proto(start + "labels { key: 'x' } labels { key: 'y' value: '1' } } }"));
    const auto b =
        *Resources::parse(proto(start + "labels { key: 'y' value: '1' } labels { key: 'x' } } }"));
    const auto c =
        *Resources::parse(proto(start + "labels { key: 'y' value: '2' } labels { key: 'x' } } }"));
    EXPECT_EQ((a + b).size(), 1U);
    EXPECT_EQ((a + c).size(), 2U);
}

TEST(ResourcesSelect, OffersReservationsToTheRoleAndBelow) {
    const auto all = resources_of("cpus:1;cpus(a):2;cpus(a/b):4;cpus(ab):8");
    const auto cpus = [&](const char* role) { return all.offerable_to(role).scalar("cpus").milli; };
    EXPECT_EQ(cpus("*"), 1000);
    EXPECT_EQ(cpus("a"), 3000);
    EXPECT_EQ(cpus("a/b"), 7000);
    EXPECT_EQ(cpus("a/c"), 3000);
    EXPECT_EQ(cpus("ab"), 9000);
    EXPECT_THAT(all.reserved_roles(), testing::ElementsAre("a", "a/b", "ab"));
}

TEST(ResourcesSelect, TotalsSumByNameWithRevocableApart) {
    auto revocable = resources_of("cpus:2").to_proto()[0];
    revocable.mutable_revocable();
    const auto all =
        resources_of("cpus:1;cpus(a):0.5;ports:[1-2];ports(a):[7-9];kinds:{a};kinds(a):{b}") +
        *Resources::parse(revocable);
    using Total = Resources::Total;
    EXPECT_THAT(all.totals(), testing::ElementsAre(Total{"ports", false, false, {}, "[1-2, 7-9]"},
                                                   Total{"cpus", false, true, Quantity{1500}, ""},
                                                   Total{"kinds", false, false, {}, "{a, b}"},
                                                   Total{"cpus", true, true, Quantity{2000}, ""}));
}

TEST(Roles, AreChecked) {
    for (const auto* good : {"*", "a", "a/b", "a.b", "...", "a-b/c_d", "\xc3\xa4"}) {
        EXPECT_TRUE(validate_role(good)) << good;
    }
    for (const auto* bad : {"", "/", "/a", "a/", "a//b", ".", "a/..", "-a", "a/-b", "a b", "a\tb",
                            "a\x08", "*/a", "a/*"}) {
        EXPECT_FALSE(validate_role(bad)) << bad;
    }
    EXPECT_TRUE(validate_role(std::string(1024, 'a')));
    EXPECT_FALSE(validate_role(std::string(1025, 'a')));
    EXPECT_THAT(validate_role("a//b").error().text, HasSubstr("role 'a//b'"));
    EXPECT_TRUE(role_is_within("a/b", "a"));
    EXPECT_TRUE(role_is_within("a", "a"));
    EXPECT_FALSE(role_is_within("ab", "a"));
    EXPECT_FALSE(role_is_within("a", "a/b"));
}

TEST(Ids, AreChecked) {
    EXPECT_TRUE(validate_id("task id", "a.b-c_d"));
    EXPECT_TRUE(validate_id("task id", std::string(255, 'x')));
    for (const auto& bad : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                            std::string("a\\b"), std::string("a\nb"), std::string("a\0b", 3),
                            std::string(256, 'x')}) {
        const auto result = validate_id("task id", bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_THAT(result.error().text, HasSubstr("task id '"));
    }
    EXPECT_EQ(validate_id("task id", "a/b").error().text,
              "task id 'a/b': must not contain '/' or '\\'");
}

TEST(Attributes, AreRead) {
    const auto list = parse_attributes("rack:r1;ssd:1; zones:[1-3] ;kinds:{a,b};url:http://x;");
    ASSERT_TRUE(list) << list.error().text;
    std::string text;
    for (const auto& attribute : *list) text += attribute.ShortDebugString() + "\n";
    EXPECT_EQ(text,
              "name: \"rack\" type: TEXT text { value: \"r1\" }\n"
              "name: \"ssd\" type: SCALAR scalar { value: 1 }\n"
              "name: \"zones\" type: RANGES ranges { range { begin: 1 end: 3 } }\n"
              "name: \"kinds\" type: SET set { item: \"a\" item: \"b\" }\n"
              "name: \"url\" type: TEXT text { value: \"http://x\" }\n");
    for (const auto* bad : {"rack", ":x", "rack:", "zones:[3-1]", "kinds:{a,a}"}) {
        EXPECT_FALSE(parse_attributes(bad)) << bad;
    }
    EXPECT_THAT(parse_attributes("zones:[3-1]").error().text, HasSubstr("attribute 'zones'"));
}

}  // namespace
}  // namespace tepui
