#pragma once

#include <string>

namespace tepui::containerizer {

/// How containers get a root filesystem of their own.
struct OciOptions {
    std::string runtime;  // Program of the OCI runtime, by name or path; empty: crun, else runc.
    std::string backend;  // "overlay" or "copy"; empty: overlay where this machine can.
    std::string sandbox_directory = "/mnt/mesos/sandbox";  // Of the sandbox, in such a container.
    bool ignore_image_config =
        false;  // Nothing of the image but its files (--docker_ignore_runtime).
};

}  // namespace tepui::containerizer
