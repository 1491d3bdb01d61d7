#pragma once

#include "mesos/v1/mesos.pb.h"

namespace tepui::daemon {

/// What /version and GET_VERSION answer.
mesos::v1::VersionInfo version_info();

}  // namespace tepui::daemon
