#include <google/protobuf/util/json_util.h>

#include "base/overloaded.h"
#include "resources/entry.h"
#include "resources/resources.h"
#include "resources/value_text.h"

// Resource.role is deprecated and still what old clients write and read.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace tepui {

using mesos::v1::Resource;

namespace {

Resource::ReservationInfo static_reservation(std::string_view role) {
    Resource::ReservationInfo reservation;
    reservation.set_type(Resource::ReservationInfo::STATIC);
    reservation.set_role(std::string(role));
    return reservation;
}

Result<Resources> parse_json(std::string_view text, std::string_view default_role) {
    // Any message whose first field is a list of resources would do; this one requires nothing
    // else.
    mesos::v1::Offer::Operation::Reserve list;
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    const auto wrapped = fmt::format("{{\"resources\":{}}}", text);
    const auto status = google::protobuf::util::JsonStringToMessage(wrapped, &list, options);
    if (!status.ok()) {
        return fail(Errc::invalid_argument, "resources: not a JSON list of resources: {}",
                    std::string_view(status.message().data(), status.message().size()));
    }
    for (auto& resource : *list.mutable_resources()) {
        const bool named = resource.has_role() || resource.reservations_size() > 0;
        if (!named && default_role != "*") resource.set_role(std::string(default_role));
    }
    return Resources::parse(list.resources());
}

/// "name" or "name(role)".
struct NamedRole {
    std::string_view name;
    std::string_view role;
};

Result<NamedRole> parse_name(std::string_view text, std::string_view default_role) {
    const auto open = text.find('(');
    if (open == std::string_view::npos) return NamedRole{trim(text), default_role};
    if (text.back() != ')') {
        return fail(Errc::invalid_argument, "resource '{}': the role lacks its ')'", text);
    }
    return NamedRole{trim(text.substr(0, open)),
                     trim(text.substr(open + 1, text.size() - open - 2))};
}

/// The wire's form of one term, so that both syntaxes pass the same checks.
Result<Resource> parse_term(std::string_view term, std::string_view default_role) {
    const auto colon = term.find(':');
    if (colon == std::string_view::npos) {
        return fail(Errc::invalid_argument,
                    "resource '{}': expected NAME:VALUE or NAME(ROLE):VALUE", term);
    }
    const auto [name, role] = TEPUI_TRY(parse_name(trim(term.substr(0, colon)), default_role));
    if (name.empty())
        return fail(Errc::invalid_argument, "resource '{}': the name is missing", term);
    const auto value = parse_value(term.substr(colon + 1));
    if (!value) return fail_with(fmt::format("resource '{}'", name), value.error());
    Resource resource;
    resource.set_name(std::string(name));
    if (role != "*") *resource.add_reservations() = static_reservation(role);
    if (const auto* number = std::get_if<double>(&*value)) {
        resource.set_type(mesos::v1::Value::SCALAR);
        resource.mutable_scalar()->set_value(*number);
    } else if (const auto* ranges = std::get_if<Ranges>(&*value)) {
        resource.set_type(mesos::v1::Value::RANGES);
        resource.mutable_ranges();
        for (const auto& range : ranges->list) {
            auto* added = resource.mutable_ranges()->add_range();
            added->set_begin(range.begin);
            added->set_end(range.end);
        }
    } else if (const auto* items = std::get_if<std::set<std::string>>(&*value)) {
        resource.set_type(mesos::v1::Value::SET);
        resource.mutable_set();
        for (const auto& item : *items) resource.mutable_set()->add_item(item);
    } else {
        return fail(Errc::invalid_argument,
                    "resource '{}': '{}' is not a number, [ranges] or {{set}}", name,
                    std::get<std::string>(*value));
    }
    return resource;
}

Result<void> check_types(const Resources& resources) {
    const Resources::Entry* last = nullptr;
    for (const auto& entry : resources.entries()) {
        if (last && last->name == entry.name && last->value.index() != entry.value.index()) {
            return fail(Errc::invalid_argument, "resource '{}': given with two types", entry.name);
        }
        last = &entry;
    }
    return {};
}

Result<Resources> parse_terms(std::string_view text, std::string_view default_role) {
    ResourceList list;
    for (std::string_view rest = text;;) {
        const auto end = rest.find(';');
        const auto term = trim(rest.substr(0, end));
        if (!term.empty()) *list.Add() = TEPUI_TRY(parse_term(term, default_role));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return Resources::parse(list);
}

}  // namespace

Result<Resources> Resources::parse_flag(std::string_view text, std::string_view default_role) {
    text = trim(text);
    const bool json = text.starts_with('[');
    auto resources =
        TEPUI_TRY(json ? parse_json(text, default_role) : parse_terms(text, default_role));
    TEPUI_CHECK_OK(check_types(resources));
    return resources;
}

}  // namespace tepui
