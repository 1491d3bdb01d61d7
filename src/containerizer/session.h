#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "containerizer/descriptor.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer {

/// A command that somebody runs within a running container and talks to: it has the namespaces,
/// cgroups, root filesystem, working directory and environment of the container's task. It ends
/// with the container, and with this process.
struct SessionSpec {
    ContainerId session;             // Its own name; no container has it.
    ContainerId parent;              // The running container.
    mesos::v1::CommandInfo command;  // Its variables go on top of the task's.
    std::string user;                // Empty: the task's.
    bool terminal = false;           // stdio is a pseudo terminal of the container's.
    std::uint16_t rows = 0;          // Of the terminal; 0: unknown.
    std::uint16_t columns = 0;
};

/// The near ends of a session's stdio. Of a terminal `input` and `output` are the same file, and
/// `errors` is none. Reading `output` fails with EIO when a terminal's last user is gone.
struct SessionPipes {
    Descriptor input;
    Descriptor output;
    Descriptor errors;
    bool terminal = false;
    /// Of a terminal that is not here: gives it another size. Empty: `input` is the terminal.
    std::function<void(std::uint16_t rows, std::uint16_t columns)> resize = {};
};

using OnSession = std::function<void(Result<SessionPipes>)>;

/// What goes over the socket that attach() gives: SOCK_SEQPACKET packets, the first byte of each a
/// kind. From the container: 'o' and 'e' with bytes of its stdout and stderr; from a terminal all
/// is 'o'. To it: 'i' with bytes for its stdin, 'z' for the end of its stdin (a terminal has none),
/// 'w' with rows and columns (std::uint16_t, host order). It closes when the container ends, or
/// when nobody reads fast enough.
inline constexpr std::size_t k_attach_packet_max = 32 * 1024 + 1;

}  // namespace tepui::containerizer
