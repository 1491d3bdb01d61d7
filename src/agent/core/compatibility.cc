#include "agent/core/compatibility.h"

#include <set>

#include "resources/resources.h"

namespace tepui::agent {
namespace {

std::multiset<std::string> attribute_set(const mesos::v1::AgentInfo& info) {
    std::multiset<std::string> set;
    for (const auto& attribute : info.attributes()) set.insert(attribute.SerializeAsString());
    return set;
}

std::unexpected<Error> differs(std::string_view what, std::string_view before,
                               std::string_view now) {
    return fail(Errc::conflict,
                "the agent's {} changed from '{}' to '{}' since it registered; restore it, or "
                "remove the directory 'meta' in its work directory to start as a new agent "
                "(its tasks end then)",
                what, before, now);
}

std::string text_of(const Result<Resources>& resources) {
    return resources ? resources->to_string() : resources.error().text;
}

}  // namespace

Result<void> check_compatible(const mesos::v1::AgentInfo& before, const mesos::v1::AgentInfo& now) {
    if (before.hostname() != now.hostname()) {
        return differs("hostname", before.hostname(), now.hostname());
    }
    if (before.port() != now.port()) {
        return differs("port", std::to_string(before.port()), std::to_string(now.port()));
    }
    const auto had = Resources::parse(before.resources());
    const auto has = Resources::parse(now.resources());
    if (!had || !has || *had != *has) {
        return differs("total of resources", text_of(had), text_of(has));
    }
    if (attribute_set(before) != attribute_set(now)) {
        return differs("list of attributes", std::to_string(before.attributes_size()) + " entries",
                       std::to_string(now.attributes_size()) + " others");
    }
    if (before.domain().SerializeAsString() != now.domain().SerializeAsString()) {
        return differs("domain", before.domain().ShortDebugString(),
                       now.domain().ShortDebugString());
    }
    return {};
}

}  // namespace tepui::agent
