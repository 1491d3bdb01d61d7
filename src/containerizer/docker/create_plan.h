#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/containerizer.h"
#include "containerizer/docker/settings.h"

namespace tepui::containerizer::docker {

/// What is to be made for a task of type DOCKER. Pure.
struct CreatePlan {
    std::string name;  // Of the container: "mesos-<id>", as Mesos has it.
    std::string image;
    bool force_pull = false;
    Settings settings;
    /// Volumes that lie in the sandbox, relative to it: made before the container is.
    std::vector<std::string> sandbox_paths;
};

/// What does not come from the task.
struct CreateContext {
    std::string work_dir;                                  // Labels: which agent's it is.
    std::string agent;                                     // The agent's id.
    std::string sandbox_directory = "/mnt/mesos/sandbox";  // Where it is in the container.
    bool enable_cfs = false;
    bool limit_swap = false;
    const DefaultDns* dns = nullptr;  // Of containers that do not say.
};

/// The name in the Engine of a container of ours.
std::string engine_name(const ContainerId& container);

/// Understands the task. Fails with invalid_argument on what contradicts itself, and with
/// unsupported on what the Docker containerizer cannot do; the text names it and the way out.
Result<CreatePlan> plan_create(const LaunchSpec& spec, const CreateContext& context);

/// The body of containers/update for other limits; empty members are left as they are.
std::string encode_update(const ContainerResources& resources, const CreateContext& context);

}  // namespace tepui::containerizer::docker
