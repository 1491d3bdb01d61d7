#pragma once

#include "master/core/turn.h"

namespace tepui::master {

/// ACCEPT: the offers become one pool; operations run on it in order, a failing one is skipped
/// alone; what is left goes back with the call's filters.
void on_accept(Turn& turn, Framework& framework, mesos::v1::scheduler::Call::Accept accept);

}  // namespace tepui::master
