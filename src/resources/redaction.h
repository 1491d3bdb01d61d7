#pragma once

#include "mesos/v1/mesos.pb.h"

namespace tepui {

/// Takes the values of secrets out of a description that is kept, shown or stored; that there was a
/// secret stays, and so do references, which say nothing. True when it took one.
bool redact_secrets(mesos::v1::Environment& environment);
bool redact_secrets(mesos::v1::CommandInfo& command);
bool redact_secrets(mesos::v1::ContainerInfo& container);
bool redact_secrets(mesos::v1::ExecutorInfo& executor);
bool redact_secrets(mesos::v1::TaskInfo& task);

/// Whether a redact_secrets() would take something.
bool has_secret_values(const mesos::v1::TaskInfo& task);
bool has_secret_values(const mesos::v1::ExecutorInfo& executor);

}  // namespace tepui
