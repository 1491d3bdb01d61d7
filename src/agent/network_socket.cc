#include "agent/network_socket.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "base/assert.h"

namespace tepui::agent {
namespace {

/// This thread's stay in another network.
class Visit {
public:
    explicit Visit(std::int64_t pid) {
        if (pid <= 0) return;
        home_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        const int there = ::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC);
        away_ = home_ >= 0 && there >= 0 && ::setns(there, CLONE_NEWNET) == 0;
        if (there >= 0) ::close(there);
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
        // Nothing else may ever be done from there.
        if (away_) TEPUI_ASSERT(::setns(home_, CLONE_NEWNET) == 0);
        if (home_ >= 0) ::close(home_);
    }
    explicit operator bool() const { return away_; }

private:
    int home_ = -1;
    bool away_ = false;
};

}  // namespace

bool can_enter_network(std::int64_t pid) { return static_cast<bool>(Visit(pid)); }

int socket_in_network(std::int64_t pid, int family) {
    const Visit visit(pid);
    if (!visit) return -1;
    return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

int connect_at_once(int socket, const sockaddr* address, socklen_t size) {
    // On this machine the peer's kernel has answered by the time the first call returns, which
    // never says so; the second does.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (::connect(socket, address, size) == 0) return 0;
        if (errno != EINPROGRESS && errno != EALREADY) return errno;
    }
    return EINPROGRESS;
}

}  // namespace tepui::agent
