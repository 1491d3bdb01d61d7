#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "master/core/state.h"
#include "resources/conversion.h"

// Judgements about reservations and volumes that somebody wants to change. Pure; the errors' texts
// name the object and reach the client.
namespace tepui::master {

/// Who asks for an operation: a framework for the role of its offers, or an operator.
struct Requester {
    const Framework* framework = nullptr;  // Null: an operator.
    std::string role;                      // Of the offers; "" for operators.
    std::optional<std::string> principal;  // As authenticated.
};

/// What the wire leaves open is filled in: resources in the form with `reservations`, allocated to
/// `role` where they name none. With an empty role nothing is allocated.
void complete_operation(mesos::v1::Offer::Operation& operation, const std::string& role);

/// Whether the requester may ask for this on this agent, and what it converts. Fails with
/// invalid_argument; whether the resources are offered, or free, is for the caller to see.
Result<Conversion> judge_operation(const Agent& agent, const mesos::v1::Offer::Operation& operation,
                                   const Requester& requester);

/// Without allocation roles: what happens to an agent's total.
Conversion unallocated(const Conversion& conversion);

}  // namespace tepui::master
