#pragma once

#include <string>
#include <vector>

#include "cli/output/json_value.h"
#include "cli/verbs/get_tables.h"

// What `tepui offer` shows and takes back, from the master's /tepui/offers. All pure.
namespace tepui::cli {

/// The offers that were not answered yet, in the order of the body: all, or those that one of
/// `wanted` selects by the beginning of their id, by their framework or by their agent. Fails with
/// not_found, naming the first word that selects none.
Result<Listing> list_open_offers(const JsonValue& body, bool wide,
                                 const std::vector<std::string>& wanted);

struct RescindPlan {
    std::vector<std::string> offer_ids;
    std::vector<std::string> lines;  // Whose they are, for people.
};
/// Offers by their ids, or by a beginning that only one has. Fails with not_found or conflict.
Result<RescindPlan> plan_rescind(const JsonValue& body, const std::vector<std::string>& wanted);
/// {"offer_ids":["..."]}
std::string rescind_body(const RescindPlan& plan);

}  // namespace tepui::cli
