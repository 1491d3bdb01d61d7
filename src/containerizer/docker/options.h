#pragma once

#include <string>

#include "base/time.h"

namespace tepui::containerizer {

/// How tasks of ContainerInfo.type DOCKER are run. Source of the defaults: the flags of Mesos.
struct DockerOptions {
    std::string socket = "/var/run/docker.sock";  // Of the Docker Engine.
    Duration remove_delay = 6h;  // How long an ended container is kept in the Engine.
    /// What destroy() leaves the container between SIGTERM and SIGKILL; zero: SIGKILL at once.
    Duration stop_timeout = 0s;
    bool kill_orphans = true;       // Containers of this agent that no task belongs to.
    Duration call_timeout = 60s;    // Of one call, and of a silence while an image is pulled.
    Duration recover_timeout = 5s;  // What recover() waits for the Engine at most.
};

}  // namespace tepui::containerizer
