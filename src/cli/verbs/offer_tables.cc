#include "cli/verbs/offer_tables.h"

#include <algorithm>
#include <set>
#include <span>

#include <fmt/core.h>

#include "cli/client/find_object.h"
#include "cli/view/explain_text.h"
#include "cli/view/sharing.h"
#include "wire/json_writer.h"

namespace tepui::cli {

namespace {

using Align = Table::Align;

std::span<const JsonValue> offers_of(const JsonValue& body) {
    const JsonValue* offers = body.find("offers");
    return offers == nullptr ? std::span<const JsonValue>{} : offers->items;
}

bool is_selected(const JsonValue& offer, const std::string& word) {
    if (word.empty()) return false;
    if (offer.text_of("id").starts_with(word)) return true;
    return std::ranges::any_of(std::initializer_list<const char*>{"framework_id", "framework_name",
                                                                  "agent_id", "hostname"},
                               [&](const char* member) { return offer.text_of(member) == word; });
}

Listed listed(const JsonValue& offer, bool wide) {
    Listed item;
    item.id = offer.text_of("id");
    item.row = {item.id,
                offer.text_of("framework_name"),
                offer.text_of("role"),
                offer.text_of("hostname"),
                amounts_text(read_amounts(offer.find("amounts"))),
                span_text(offer.number_of("age_secs"))};
    if (wide) {
        item.row.emplace_back(offer.text_of("framework_id"));
        item.row.emplace_back(offer.text_of("agent_id"));
    }
    item.json = to_json(offer);
    return item;
}

}  // namespace

Result<Listing> list_open_offers(const JsonValue& body, bool wide,
                                 const std::vector<std::string>& wanted) {
    Listing listing;
    listing.columns = {{"ID"},    {"FRAMEWORK"}, {"ROLE"},
                       {"AGENT"}, {"RESOURCES"}, {"AGE", Align::right}};
    if (wide) listing.columns.insert(listing.columns.end(), {{"FRAMEWORK ID"}, {"AGENT ID"}});
    const auto offers = offers_of(body);
    for (const std::string& word : wanted) {
        const bool found = std::ranges::any_of(
            offers, [&](const JsonValue& offer) { return is_selected(offer, word); });
        if (!found) return fail(Errc::not_found, "there are no open offers of '{}'", word);
    }
    for (const JsonValue& offer : offers) {
        const bool chosen = std::ranges::any_of(
            wanted, [&](const std::string& word) { return is_selected(offer, word); });
        if (wanted.empty() || chosen) listing.items.push_back(listed(offer, wide));
    }
    return listing;
}

Result<RescindPlan> plan_rescind(const JsonValue& body, const std::vector<std::string>& wanted) {
    const auto offers = offers_of(body);
    std::vector<Candidate> candidates;
    for (const JsonValue& offer : offers) candidates.push_back({offer.text_of("id"), ""});
    std::set<std::size_t> chosen;
    RescindPlan plan;
    for (const std::string& word : wanted) {
        const std::size_t index = TEPUI_TRY(find_candidate("open offer", candidates, word));
        if (!chosen.insert(index).second) continue;
        const JsonValue& offer = offers[index];
        plan.offer_ids.push_back(offer.text_of("id"));
        plan.lines.push_back(printable(fmt::format(
            "{}: {} in role {} has {} of {} for {}", offer.text_of("id"),
            framework_text(offer.text_of("framework_id"), offer.text_of("framework_name")),
            offer.text_of("role"), amounts_text(read_amounts(offer.find("amounts"))),
            offer.text_of("hostname"), span_text(offer.number_of("age_secs")))));
    }
    return plan;
}

std::string rescind_body(const RescindPlan& plan) {
    std::string body;
    wire::JsonWriter json(body);
    json.begin_object().key("offer_ids").begin_array();
    for (const std::string& id : plan.offer_ids) json.value(id);
    json.end_array().end_object();
    return body;
}

}  // namespace tepui::cli
