#pragma once

#include "mesos/v1/mesos.pb.h"

namespace tepui {

/// Whether a task in this state has ended and will never change again. UNREACHABLE and UNKNOWN may.
bool is_terminal(mesos::v1::TaskState state);

}  // namespace tepui
