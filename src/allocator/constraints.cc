#include "allocator/constraints.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <re2/re2.h>

#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::allocator {

namespace {

using mesos::v1::scheduler::AttributeConstraint;
using Selector = AttributeConstraint::Selector;
using Predicate = AttributeConstraint::Predicate;

/// What a selector finds.
struct Found {
    bool exists = false;
    std::optional<std::string_view> text;  // Unset for attributes of other types.
};

struct Condition {
    Selector selector;
    Predicate predicate;
    std::shared_ptr<const re2::RE2> regex;  // For predicates that match.
};

Found text_of(const std::string& text) { return {true, text}; }

Found attribute_of(const mesos::v1::AgentInfo& agent, const std::string& name) {
    for (const auto& attribute : agent.attributes()) {
        if (attribute.name() != name) continue;
        if (attribute.type() != mesos::v1::Value::TEXT) return {true, std::nullopt};
        return text_of(attribute.text().value());
    }
    return {};
}

Found find(const mesos::v1::AgentInfo& agent, const Selector& selector) {
    if (selector.selector_case() == Selector::kAttributeName) {
        return attribute_of(agent, selector.attribute_name());
    }
    if (selector.pseudoattribute_type() == Selector::HOSTNAME) return text_of(agent.hostname());
    if (!agent.has_domain() || !agent.domain().has_fault_domain()) return {};
    const auto& domain = agent.domain().fault_domain();
    return text_of(selector.pseudoattribute_type() == Selector::REGION ? domain.region().name()
                                                                       : domain.zone().name());
}

bool matches(const Condition& condition, std::string_view text) {
    return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *condition.regex);
}

bool holds(const Condition& condition, const mesos::v1::AgentInfo& agent) {
    const Found found = find(agent, condition.selector);
    const auto& predicate = condition.predicate;
    switch (predicate.predicate_case()) {
        case Predicate::kExists: return found.exists;
        case Predicate::kNotExists: return !found.exists;
        case Predicate::kTextEquals:
            return found.exists && (!found.text || *found.text == predicate.text_equals().value());
        case Predicate::kTextNotEquals:
            return !found.text || *found.text != predicate.text_not_equals().value();
        case Predicate::kTextMatches:
            return found.exists && (!found.text || matches(condition, *found.text));
        case Predicate::kTextNotMatches: return !found.text || !matches(condition, *found.text);
        case Predicate::PREDICATE_NOT_SET: break;
    }
    return false;  // Refused when compiled.
}

Result<std::shared_ptr<const re2::RE2>> compile_regex(const std::string& regex,
                                                      const RegexLimits& limits) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(limits.memory_bytes_max);
    auto compiled = std::make_shared<const re2::RE2>(regex, options);
    if (!compiled->ok()) {
        return fail(Errc::invalid_argument, "the regular expression '{}' is wrong: {}", regex,
                    compiled->error());
    }
    if (compiled->ProgramSize() > limits.program_size_max) {
        return fail(Errc::invalid_argument,
                    "the regular expression '{}' is too complex: its program has {} instructions, "
                    "{} are allowed (--offer_constraints_re2_max_program_size)",
                    regex, compiled->ProgramSize(), limits.program_size_max);
    }
    return compiled;
}

Result<Condition> compile_condition(const AttributeConstraint& constraint,
                                    const RegexLimits& limits) {
    Condition condition{constraint.selector(), constraint.predicate(), nullptr};
    switch (condition.selector.selector_case()) {
        case Selector::kAttributeName: break;
        case Selector::kPseudoattributeType:
            if (condition.selector.pseudoattribute_type() != Selector::UNKNOWN) break;
            return fail(Errc::invalid_argument, "its pseudoattribute_type is unknown");
        case Selector::SELECTOR_NOT_SET:
            return fail(Errc::invalid_argument,
                        "its selector needs attribute_name or pseudoattribute_type");
    }
    switch (condition.predicate.predicate_case()) {
        case Predicate::PREDICATE_NOT_SET:
            return fail(Errc::invalid_argument, "its predicate is missing or unknown");
        case Predicate::kTextMatches:
            condition.regex =
                TEPUI_TRY(compile_regex(condition.predicate.text_matches().regex(), limits));
            break;
        case Predicate::kTextNotMatches:
            condition.regex =
                TEPUI_TRY(compile_regex(condition.predicate.text_not_matches().regex(), limits));
            break;
        default: break;
    }
    return condition;
}

}  // namespace

struct RoleConstraints::Groups {
    std::vector<std::vector<Condition>> any_of;
    std::string source;  // What it was compiled from.
};

RoleConstraints::RoleConstraints(std::shared_ptr<const Groups> groups)
    : groups_(std::move(groups)) {}

bool RoleConstraints::allow(const mesos::v1::AgentInfo& agent) const {
    const auto& groups = groups_->any_of;
    return std::any_of(groups.begin(), groups.end(), [&](const auto& group) {
        return std::all_of(group.begin(), group.end(),
                           [&](const Condition& condition) { return holds(condition, agent); });
    });
}

bool RoleConstraints::operator==(const RoleConstraints& other) const {
    return groups_ == other.groups_ || groups_->source == other.groups_->source;
}

Result<std::map<std::string, RoleConstraints>> compile_constraints(
    const mesos::v1::scheduler::OfferConstraints& constraints, const RegexLimits& limits) {
    std::map<std::string, RoleConstraints> compiled;
    for (const auto& [role, by_role] : constraints.role_constraints()) {
        if (by_role.groups().empty()) {
            return fail(Errc::invalid_argument,
                        "the offer constraints of role '{}' have no groups; leave the role out to "
                        "get offers of any agent",
                        role);
        }
        auto groups = std::make_shared<RoleConstraints::Groups>();
        groups->source = by_role.SerializePartialAsString();
        for (const auto& group : by_role.groups()) {
            if (group.attribute_constraints().empty()) {
                return fail(Errc::invalid_argument,
                            "the offer constraints of role '{}' have a group without "
                            "attribute_constraints",
                            role);
            }
            auto& conditions = groups->any_of.emplace_back();
            for (const auto& constraint : group.attribute_constraints()) {
                auto condition = compile_condition(constraint, limits);
                if (!condition) {
                    return fail(Errc::invalid_argument,
                                "a constraint of role '{}' cannot be used: {}", role,
                                condition.error().text);
                }
                conditions.push_back(*std::move(condition));
            }
        }
        compiled.emplace(role, RoleConstraints(std::move(groups)));
    }
    return compiled;
}

}  // namespace tepui::allocator
