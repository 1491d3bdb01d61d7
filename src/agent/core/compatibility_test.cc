#include "agent/core/compatibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resources/attributes.h"
#include "resources/resources.h"

namespace tepui::agent {
namespace {

using ::testing::HasSubstr;

mesos::v1::AgentInfo info_of(std::string_view resources, std::string_view attributes,
                             std::string_view zone = "") {
    mesos::v1::AgentInfo info;
    info.set_hostname("node");
    info.set_port(5051);
    *info.mutable_resources() = Resources::parse_flag(resources)->to_proto();
    const auto parsed = parse_attributes(attributes);
    EXPECT_TRUE(parsed) << attributes;
    for (const auto& attribute : *parsed) *info.add_attributes() = attribute;
    if (!zone.empty()) {
        info.mutable_domain()->mutable_fault_domain()->mutable_region()->set_name("r");
        info.mutable_domain()->mutable_fault_domain()->mutable_zone()->set_name(std::string(zone));
    }
    return info;
}

TEST(Compatibility, OfResourcesAttributesAndDomain) {
    struct Row {
        const char* name;
        mesos::v1::AgentInfo before;
        mesos::v1::AgentInfo now;
        bool equal;
        bool additive;
        const char* text;  // In the errors.
    };
    const char* const some = "cpus:4;mem:100;ports:[10-20]";
    const Row rows[] = {
        {"the same", info_of(some, "rack:a"), info_of(some, "rack:a"), true, true, ""},
        {"another order", info_of(some, "a:1;b:2"), info_of(some, "b:2;a:1"), true, true, ""},
        {"a larger scalar", info_of(some, ""), info_of("cpus:5;mem:100;ports:[10-20]", ""), false,
         true, "cpus:5"},
        {"a smaller scalar", info_of(some, ""), info_of("cpus:3;mem:100;ports:[10-20]", ""), false,
         false, "total of resources"},
        {"more ports", info_of(some, ""), info_of("cpus:4;mem:100;ports:[5-20]", ""), false, true,
         "[5-20]"},
        {"other ports", info_of(some, ""), info_of("cpus:4;mem:100;ports:[11-30]", ""), false,
         false, "[11-30]"},
        {"a new resource", info_of(some, ""), info_of("cpus:4;mem:100;ports:[10-20];gpus:1", ""),
         false, true, "gpus:1"},
        {"reserved now", info_of("cpus:4", ""), info_of("cpus(role):4", ""), false, false, "role"},
        {"a new attribute", info_of(some, "rack:a"), info_of(some, "rack:a;ssd:1"), false, true,
         "ssd"},
        {"a lost attribute", info_of(some, "rack:a;ssd:1"), info_of(some, "rack:a"), false, false,
         "ssd"},
        {"another text", info_of(some, "rack:a"), info_of(some, "rack:b"), false, false, "rack"},
        {"a larger number", info_of(some, "n:1"), info_of(some, "n:2"), false, true, "n"},
        {"a smaller number", info_of(some, "n:2"), info_of(some, "n:1"), false, false, "n"},
        {"another type", info_of(some, "n:2"), info_of(some, "n:two"), false, false, "n"},
        {"a wider range", info_of(some, "r:[1-5]"), info_of(some, "r:[1-3,4-9]"), false, true, "r"},
        {"a holed range", info_of(some, "r:[1-5]"), info_of(some, "r:[1-2,4-9]"), false, false,
         "r"},
        {"one of two gone", info_of(some, "d:1;d:1"), info_of(some, "d:1"), false, false, "d"},
        {"a first domain", info_of(some, ""), info_of(some, "", "z1"), false, true, "domain"},
        {"another domain", info_of(some, "", "z1"), info_of(some, "", "z2"), false, false, "z2"},
        {"no domain any more", info_of(some, "", "z1"), info_of(some, ""), false, false, "z1"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto equal = check_compatible(row.before, row.now, ReconfigurationPolicy::equal);
        const auto additive =
            check_compatible(row.before, row.now, ReconfigurationPolicy::additive);
        EXPECT_EQ(equal.has_value(), row.equal);
        EXPECT_EQ(additive.has_value(), row.additive);
        for (const auto& result : {equal, additive}) {
            if (result) continue;
            EXPECT_EQ(result.error().code, Errc::conflict);
            EXPECT_THAT(result.error().text, HasSubstr(row.text));
            EXPECT_THAT(result.error().text, HasSubstr("--recover=cleanup"));
        }
        const bool other_policy_helps = !row.equal && row.additive;
        if (equal) continue;
        EXPECT_EQ(equal.error().text.find("=additive") != std::string::npos, other_policy_helps);
    }
}

TEST(Compatibility, TheAddressStaysUnderEveryPolicy) {
    const auto before = info_of("cpus:1", "");
    auto moved = before;
    moved.set_hostname("other");
    auto rebound = before;
    rebound.set_port(5052);
    for (const auto policy : {ReconfigurationPolicy::equal, ReconfigurationPolicy::additive}) {
        EXPECT_THAT(check_compatible(before, moved, policy).error().text, HasSubstr("'other'"));
        EXPECT_THAT(check_compatible(before, rebound, policy).error().text, HasSubstr("5052"));
    }
}

}  // namespace
}  // namespace tepui::agent
