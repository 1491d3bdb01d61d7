#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace tepui::agent {

/// Whether this thread may make sockets in the network of the process `pid`: it lives, and we may
/// enter its network namespace.
bool can_enter_network(std::int64_t pid);

/// A TCP socket of that address family (AF_INET, AF_INET6) in the network of the process `pid`,
/// made by this thread, which goes there and comes back; it does not block. A socket belongs to the
/// network it was made in for ever, so one thread looks at any number of containers. -1 when that
/// network can't be entered.
int socket_in_network(std::int64_t pid, int family);

/// Connects a socket that does not block. 0: it is connected; EINPROGRESS: it will be writable when
/// it is, or cannot be; else the errno that says why not. To an address of this machine the answer
/// is there at once.
int connect_at_once(int socket, const sockaddr* address, socklen_t size);

}  // namespace tepui::agent
