#pragma once

#include <map>
#include <string>
#include <vector>

#include "allocator/constraints.h"
#include "base/result.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "resources/resources.h"

// What frameworks say about the offers they want to see. Pure.
namespace tepui::master {

/// `offer_filters` by role, as Options::min_allocatable is read. Fails with invalid_argument for a
/// role that the framework has not, and for amounts that are not above 0; the text names both.
Result<std::map<std::string, std::vector<Quantities>>> parse_offer_filters(
    const mesos::v1::FrameworkInfo& info);

/// Offer constraints of the framework's roles; of another role, or bad ones, invalid_argument.
Result<std::map<std::string, allocator::RoleConstraints>> parse_offer_constraints(
    const mesos::v1::FrameworkInfo& info, const mesos::v1::scheduler::OfferConstraints& constraints,
    const allocator::RegexLimits& limits);

}  // namespace tepui::master
