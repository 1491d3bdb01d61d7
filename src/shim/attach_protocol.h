#pragma once

// What the agent and the shim say to each other about sessions and terminals; with protocol.h.

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum shim_io_flag {
    SHIM_SESSION = 1 << 25,  // Of a probe's config: somebody talks to the command, see below.
};

// A session is a probe (protocol.h) whose config has SHIM_SESSION. Besides config and answer it
// comes with three more descriptors, which become the command's stdin, stdout and stderr, unless it
// has SHIM_TERMINAL: then its terminal is made where the task is. The config's user counts, if it
// has one (SHIM_SWITCH_USER). The first answer of one that runs is SHIM_SESSION_STARTED, with the
// near end of its terminal as a descriptor. From then on the agent may send shim_requests on the
// answer's socket: SIGKILL ends everything, other signals go to the command's process group.
enum { SHIM_SESSION_STARTED = 4 };

// Somebody wants to talk to the task's terminal (or stdin): this in place of a signal, with one end
// of a SOCK_SEQPACKET pair as descriptor. See containerizer/session.h for what goes over it.
enum { SHIM_ATTACH = 1 << 17 };

enum { SHIM_ATTACH_PACKET_MAX = 32 * 1024 + 1 };

#ifdef __cplusplus
}
#endif
