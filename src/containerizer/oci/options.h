#pragma once

#include <string>

namespace tepui::containerizer {

/// How containers get a root filesystem of their own.
struct OciOptions {
    std::string runtime;  // Program of the OCI runtime, by name or path; empty: crun, else runc.
    std::string backend;  // "overlay" or "copy"; empty: overlay where this machine can.
    std::string sandbox_directory = "/mnt/mesos/sandbox";  // Of the sandbox, in such a container.
    /// Containers with an image get a user namespace with these ids: a user of /etc/subuid and
    /// /etc/subgid, or "UID:COUNT". Empty: their root is this machine's.
    std::string userns_remap;
    bool ignore_image_config =
        false;  // Nothing of the image but its files (--docker_ignore_runtime).
};

}  // namespace tepui::containerizer
