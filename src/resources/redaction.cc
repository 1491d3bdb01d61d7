#include "resources/redaction.h"

namespace tepui {
namespace {

namespace v1 = mesos::v1;

bool redact(v1::Secret& secret) {
    if (!secret.has_value()) return false;
    secret.clear_value();
    return true;
}

bool redact(v1::Image& image) {
    return image.has_docker() && image.docker().has_config() &&
           redact(*image.mutable_docker()->mutable_config());
}

bool redact(v1::Volume::Source& source) {
    bool any = source.has_secret() && redact(*source.mutable_secret());
    if (!source.has_csi_volume() || !source.csi_volume().has_static_provisioning()) return any;
    auto& provisioning = *source.mutable_csi_volume()->mutable_static_provisioning();
    for (auto& [name, secret] : *provisioning.mutable_node_stage_secrets()) any |= redact(secret);
    for (auto& [name, secret] : *provisioning.mutable_node_publish_secrets()) any |= redact(secret);
    return any;
}

template <typename Check>
bool redact_check(Check& check) {
    return check.has_command() && redact_secrets(*check.mutable_command());
}

bool redact(v1::CheckInfo& check) {
    return check.has_command() && check.command().has_command() &&
           redact_secrets(*check.mutable_command()->mutable_command());
}

}  // namespace

bool redact_secrets(v1::Environment& environment) {
    bool any = false;
    for (auto& variable : *environment.mutable_variables()) {
        if (variable.has_secret()) any |= redact(*variable.mutable_secret());
    }
    return any;
}

bool redact_secrets(v1::CommandInfo& command) {
    return command.has_environment() && redact_secrets(*command.mutable_environment());
}

bool redact_secrets(v1::ContainerInfo& container) {
    bool any = false;
    for (v1::Volume& volume : *container.mutable_volumes()) {
        if (volume.has_source()) any |= redact(*volume.mutable_source());
        if (volume.has_image()) any |= redact(*volume.mutable_image());
    }
    if (container.has_mesos() && container.mesos().has_image()) {
        any |= redact(*container.mutable_mesos()->mutable_image());
    }
    return any;
}

bool redact_secrets(v1::ExecutorInfo& executor) {
    bool any = executor.has_command() && redact_secrets(*executor.mutable_command());
    if (executor.has_container()) any |= redact_secrets(*executor.mutable_container());
    return any;
}

bool redact_secrets(v1::TaskInfo& task) {
    bool any = task.has_command() && redact_secrets(*task.mutable_command());
    if (task.has_container()) any |= redact_secrets(*task.mutable_container());
    if (task.has_executor()) any |= redact_secrets(*task.mutable_executor());
    if (task.has_health_check()) any |= redact_check(*task.mutable_health_check());
    if (task.has_check()) any |= redact(*task.mutable_check());
    return any;
}

bool has_secret_values(const v1::TaskInfo& task) {
    // Only what has an environment or a container can hold one; a copy of those is rare.
    v1::TaskInfo copy;
    if (task.has_command() && task.command().has_environment()) {
        *copy.mutable_command()->mutable_environment() = task.command().environment();
    }
    if (task.has_container()) *copy.mutable_container() = task.container();
    if (task.has_executor()) *copy.mutable_executor() = task.executor();
    if (task.has_health_check()) *copy.mutable_health_check() = task.health_check();
    if (task.has_check()) *copy.mutable_check() = task.check();
    return redact_secrets(copy);
}

bool has_secret_values(const v1::ExecutorInfo& executor) {
    v1::ExecutorInfo copy;
    if (executor.has_command()) *copy.mutable_command() = executor.command();
    if (executor.has_container()) *copy.mutable_container() = executor.container();
    return redact_secrets(copy);
}

}  // namespace tepui
