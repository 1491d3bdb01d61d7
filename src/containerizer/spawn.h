#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer {

/// A shim that was started, and the connection to it.
struct Spawned {
    pid_t pid = -1;
    Descriptor connection;  // SOCK_SEQPACKET, non-blocking; see shim/protocol.h.
};

/// Makes the socket in `runtime_dir` and starts the shim without copying this process (vfork-like).
/// After it returns, and even if this process dies within it, whoever connects to the socket
/// reaches the shim or learns that there is none.
Result<Spawned> spawn_shim(const std::string& shim_path, const LaunchPlan& plan,
                           const std::string& runtime_dir, int runtime_fd, int sandbox_fd);

/// Connects to the shim of `runtime_dir`. Fails with not_found when none lives.
Result<Descriptor> connect_shim(const std::string& runtime_dir);

/// A file in memory with these bytes.
Result<Descriptor> memory_file(const std::string& bytes);

/// Asks for a probe, a session or to be attached, with at most 5 descriptors; false when the shim
/// is gone or does not listen.
bool send_request(int connection, int request, const std::vector<int>& descriptors);

/// Sends `signal`; false when the shim is gone or does not listen.
bool send_signal(int connection, int signal);

}  // namespace tepui::containerizer
