#include "agent/core/compatibility.h"

#include <map>
#include <set>

#include "resources/resources.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

std::unexpected<Error> differs(std::string_view what, std::string_view before, std::string_view now,
                               std::string_view way_out = "restore it") {
    return fail(Errc::conflict,
                "the agent's {} changed from '{}' to '{}' since it registered; {}, or start once "
                "with --recover=cleanup, which ends its tasks, to go on as a new agent",
                what, before, now, way_out);
}

std::string text_of(const Result<Resources>& resources) {
    return resources ? resources->to_string() : resources.error().text;
}

std::string text_of(const v1::Attribute& attribute) {
    std::string text = attribute.ShortDebugString();
    return text.empty() ? "nothing" : text;
}

std::string names_of(const v1::AgentInfo& info) {
    std::string names;
    for (const auto& attribute : info.attributes()) {
        if (!names.empty()) names += ';';
        names += attribute.name();
    }
    return names;
}

/// "restore it", or the policy that would take it.
std::string_view way_out(bool grew) {
    return grew ? "restore it, or start with --reconfiguration_policy=additive" : "restore it";
}

Result<void> check_resources(const v1::AgentInfo& before, const v1::AgentInfo& now,
                             ReconfigurationPolicy policy) {
    const auto had = Resources::parse(before.resources());
    const auto has = Resources::parse(now.resources());
    if (had && has && *had == *has) return {};
    const bool grew = had && has && has->contains(*had);
    if (grew && policy == ReconfigurationPolicy::additive) return {};
    return differs("total of resources", text_of(had), text_of(has), way_out(grew));
}

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// Sorted, and what touches is one.
Ranges joined(const v1::Value::Ranges& ranges) {
    Ranges sorted;
    for (const auto& range : ranges.range()) sorted.emplace_back(range.begin(), range.end());
    std::ranges::sort(sorted);
    Ranges out;
    for (const auto& [begin, end] : sorted) {
        if (!out.empty() && (begin <= out.back().second || begin - out.back().second == 1)) {
            out.back().second = std::max(out.back().second, end);
        } else {
            out.emplace_back(begin, end);
        }
    }
    return out;
}

bool contains(const v1::Value::Ranges& whole, const v1::Value::Ranges& part) {
    const Ranges wholes = joined(whole);
    return std::ranges::all_of(joined(part), [&](const auto& range) {
        return std::ranges::any_of(wholes, [&](const auto& each) {
            return each.first <= range.first && range.second <= each.second;
        });
    });
}

/// Whether what relied on `before` may rely on `now`.
bool grew(const v1::Attribute& before, const v1::Attribute& now) {
    if (before.type() != now.type()) return false;
    switch (before.type()) {
        case v1::Value::SCALAR: return now.scalar().value() >= before.scalar().value();
        case v1::Value::RANGES: return contains(now.ranges(), before.ranges());
        case v1::Value::SET: {
            const std::set<std::string> items(now.set().item().begin(), now.set().item().end());
            return std::ranges::all_of(
                before.set().item(), [&](const std::string& item) { return items.contains(item); });
        }
        case v1::Value::TEXT: return before.text().value() == now.text().value();
    }
    return false;
}

/// Attributes of one name may repeat, so each old one needs one of its own.
const v1::Attribute* lost_attribute(const v1::AgentInfo& before, const v1::AgentInfo& now) {
    std::set<int> taken;
    for (const v1::Attribute& attribute : before.attributes()) {
        int found = -1;
        for (int i = 0; i < now.attributes_size() && found < 0; ++i) {
            const v1::Attribute& candidate = now.attributes(i);
            if (!taken.contains(i) && candidate.name() == attribute.name() &&
                grew(attribute, candidate)) {
                found = i;
            }
        }
        if (found < 0) return &attribute;
        taken.insert(found);
    }
    return nullptr;
}

std::multiset<std::string> attribute_set(const v1::AgentInfo& info) {
    std::multiset<std::string> set;
    for (const auto& attribute : info.attributes()) set.insert(attribute.SerializeAsString());
    return set;
}

Result<void> check_attributes(const v1::AgentInfo& before, const v1::AgentInfo& now,
                              ReconfigurationPolicy policy) {
    if (attribute_set(before) == attribute_set(now)) return {};
    const v1::Attribute* lost = lost_attribute(before, now);
    if (lost == nullptr && policy == ReconfigurationPolicy::additive) return {};
    if (lost == nullptr) {
        return differs("list of attributes", names_of(before), names_of(now), way_out(true));
    }
    const auto same_name = std::ranges::find_if(
        now.attributes(), [&](const auto& each) { return each.name() == lost->name(); });
    return differs(fmt::format("attribute {}", lost->name()), text_of(*lost),
                   same_name == now.attributes().end() ? "nothing" : text_of(*same_name));
}

Result<void> check_domain(const v1::AgentInfo& before, const v1::AgentInfo& now,
                          ReconfigurationPolicy policy) {
    if (before.domain().SerializeAsString() == now.domain().SerializeAsString()) return {};
    const bool is_new = !before.has_domain();
    if (is_new && policy == ReconfigurationPolicy::additive) return {};
    return differs("domain", before.domain().ShortDebugString(), now.domain().ShortDebugString(),
                   way_out(is_new));
}

}  // namespace

Result<void> check_compatible(const v1::AgentInfo& before, const v1::AgentInfo& now,
                              ReconfigurationPolicy policy) {
    if (before.hostname() != now.hostname()) {
        return differs("hostname", before.hostname(), now.hostname());
    }
    if (before.port() != now.port()) {
        return differs("port", std::to_string(before.port()), std::to_string(now.port()));
    }
    TEPUI_CHECK_OK(check_resources(before, now, policy));
    TEPUI_CHECK_OK(check_attributes(before, now, policy));
    return check_domain(before, now, policy);
}

}  // namespace tepui::agent
