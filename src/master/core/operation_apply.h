#pragma once

#include "master/core/launch.h"
#include "master/core/turn.h"

// RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME are applied here at once, in
// the expectation that the agent will do the same; should it fail, it says what it really has.
namespace tepui::master {

/// An operation of ACCEPT that was not even tried: OPERATION_ERROR when it has an id, else only a
/// line in the log.
void refuse_operation(Turn& turn, const Framework& framework,
                      const mesos::v1::Offer::Operation& operation, std::string message);

/// One operation of ACCEPT, on the pool as the operations before it left it.
void run_conversion(Turn& turn, Pool& pool, mesos::v1::Offer::Operation& operation);

}  // namespace tepui::master
