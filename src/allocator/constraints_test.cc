#include "allocator/constraints.h"

#include <gtest/gtest.h>

#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::allocator {
namespace {

using mesos::v1::scheduler::AttributeConstraint;
using mesos::v1::scheduler::OfferConstraints;

/// One constraint of role "r", which `fill` makes.
template <typename Fill>
OfferConstraints one(Fill fill) {
    OfferConstraints constraints;
    fill(*(*constraints.mutable_role_constraints())["r"].add_groups()->add_attribute_constraints());
    return constraints;
}

OfferConstraints matching(const std::string& regex) {
    return one([&](AttributeConstraint& constraint) {
        constraint.mutable_selector()->set_attribute_name("rack");
        constraint.mutable_predicate()->mutable_text_matches()->set_regex(regex);
    });
}

std::string error_of(const OfferConstraints& constraints, const RegexLimits& limits = {}) {
    const auto compiled = compile_constraints(constraints, limits);
    if (compiled) return "";
    EXPECT_EQ(compiled.error().code, Errc::invalid_argument);
    EXPECT_NE(compiled.error().text.find("'r'"), std::string::npos) << compiled.error().text;
    return compiled.error().text;
}

TEST(Constraints, RefusesWhatCannotBeJudged) {
    OfferConstraints empty;
    (*empty.mutable_role_constraints())["r"];
    EXPECT_NE(error_of(empty), "");
    OfferConstraints empty_group;
    (*empty_group.mutable_role_constraints())["r"].add_groups();
    EXPECT_NE(error_of(empty_group), "");
    EXPECT_NE(error_of(one([](AttributeConstraint& constraint) {
                  constraint.mutable_predicate()->mutable_exists();
              })),
              "");
    EXPECT_NE(error_of(one([](AttributeConstraint& constraint) {
                  constraint.mutable_selector()->set_pseudoattribute_type(
                      AttributeConstraint::Selector::UNKNOWN);
                  constraint.mutable_predicate()->mutable_exists();
              })),
              "");
    EXPECT_NE(error_of(one([](AttributeConstraint& constraint) {
                  constraint.mutable_selector()->set_attribute_name("rack");
              })),
              "");
    EXPECT_EQ(error_of(matching("r[0-9]+")), "");
}

TEST(Constraints, RegularExpressionsAreBounded) {
    EXPECT_NE(error_of(matching("r(")), "");
    EXPECT_NE(error_of(matching("(ab|cd|ef){40}")), "");
    EXPECT_EQ(error_of(matching("(ab|cd|ef){40}"), {1 << 20, 10'000}), "");
    EXPECT_NE(error_of(matching("r[0-9]+"), {4096, 2}), "");
    // What would take a backtracking matcher years.
    const auto compiled = compile_constraints(matching("(a*)*b"));
    ASSERT_TRUE(compiled) << compiled.error().text;
    mesos::v1::AgentInfo agent;
    auto& attribute = *agent.add_attributes();
    attribute.set_name("rack");
    attribute.set_type(mesos::v1::Value::TEXT);
    attribute.mutable_text()->set_value(std::string(100'000, 'a'));
    EXPECT_FALSE(compiled->at("r").allow(agent));
}

TEST(Constraints, AreEqualWhenMadeOfTheSame) {
    const auto first = compile_constraints(matching("a"));
    const auto same = compile_constraints(matching("a"));
    const auto other = compile_constraints(matching("b"));
    ASSERT_TRUE(first && same && other);
    EXPECT_EQ(first->at("r"), same->at("r"));
    EXPECT_FALSE(first->at("r") == other->at("r"));
}

}  // namespace
}  // namespace tepui::allocator
