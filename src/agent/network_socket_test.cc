#include "agent/network_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <string>

#include "agent/prober.h"

namespace tepui::agent {
namespace {

using Outcome = ProbeResult::Outcome;

constexpr const char* k_own_address = "10.123.0.1";

/// A process in a network of its own, which listens at an address there and answers each
/// connection with an HTTP response.
class Neighbour {
public:
    explicit Neighbour(const std::string& address) {
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        pid_ = ::fork();
        if (pid_ == 0) serve(address, ready[1]);
        ::close(ready[1]);
        EXPECT_EQ(::read(ready[0], &port_, sizeof port_), static_cast<ssize_t>(sizeof port_))
            << "it needs root";
        ::close(ready[0]);
    }
    ~Neighbour() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }
    std::uint16_t port() const { return port_; }

private:
    static void set_up(int socket, const char* address) {
        ifreq request{};
        std::strcpy(request.ifr_name, address == nullptr ? "lo" : "lo:1");
        if (address != nullptr) {
            sockaddr_in own{};
            own.sin_family = AF_INET;
            ::inet_pton(AF_INET, address, &own.sin_addr);
            std::memcpy(&request.ifr_addr, &own, sizeof own);
            if (::ioctl(socket, SIOCSIFADDR, &request) != 0) ::_exit(1);
        }
        request.ifr_flags = IFF_UP;
        if (::ioctl(socket, SIOCSIFFLAGS, &request) != 0) ::_exit(2);
    }
    [[noreturn]] static void serve(const std::string& address, int ready) {
        if (::unshare(CLONE_NEWNET) != 0) ::_exit(3);
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        set_up(socket, nullptr);
        set_up(socket, k_own_address);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        ::inet_pton(AF_INET, address.c_str(), &at.sin_addr);
        socklen_t size = sizeof at;
        if (::bind(socket, reinterpret_cast<sockaddr*>(&at), size) != 0) ::_exit(4);
        ::listen(socket, 8);
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
        const std::uint16_t port = ntohs(at.sin_port);
        if (::write(ready, &port, sizeof port) < 0) ::_exit(5);
        for (;;) {
            const int peer = ::accept(socket, nullptr, nullptr);
            char request[4096];
            const std::string answer = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
            if (::read(peer, request, sizeof request) > 0)
                (void)!::write(peer, answer.data(), answer.size());
            ::close(peer);
        }
    }

    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

ProbeResult look(const ProbeTarget& target, std::int64_t network_of) {
    Prober prober(Prober::Commands{});
    std::promise<ProbeResult> promise;
    auto answer = promise.get_future();
    prober.start({ProbeId{1}, ContainerId{"c"}, target, 20s, network_of},
                 [&](ProbeResult result) { promise.set_value(std::move(result)); });
    if (answer.wait_for(30s) == std::future_status::ready) return answer.get();
    ADD_FAILURE() << "the probe was not answered";
    prober.stop();
    return {};
}

TEST(ProbeInANetwork, FindsWhatListensAtItsLoopbackAlone) {
    const Neighbour task("127.0.0.1");
    const TcpProbe tcp{task.port(), false, k_own_address};
    EXPECT_EQ(look(tcp, task.pid()).value, 1);
    const HttpProbe http{"http", task.port(), "/", false, k_own_address};
    EXPECT_EQ(look(http, task.pid()).value, 204);
    EXPECT_EQ(look(TcpProbe{task.port(), false, {}}, task.pid()).value, 1);
    EXPECT_EQ(look(TcpProbe{task.port(), false, {}}, 0).value, 0) << "here nobody listens";
}

TEST(ProbeInANetwork, FindsWhatListensAtItsOwnAddressAlone) {
    const Neighbour task(k_own_address);
    const TcpProbe tcp{task.port(), false, k_own_address};
    EXPECT_EQ(look(tcp, task.pid()).value, 1);
    const HttpProbe http{"http", task.port(), "/", false, k_own_address};
    EXPECT_EQ(look(http, task.pid()).value, 204);
}

TEST(ProbeInANetwork, TheHostsLoopbackIsNotThatOfATaskThatEnded) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&at), size), 0);
    ::listen(socket, 4);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
    std::int64_t gone = 0;
    {
        const Neighbour task("127.0.0.1");
        gone = task.pid();
    }
    EXPECT_EQ(look(TcpProbe{ntohs(at.sin_port), false, {}}, gone).value, 0);
    EXPECT_EQ(look(TcpProbe{ntohs(at.sin_port), false, {}}, 0).value, 1);
    ::close(socket);
}

TEST(ConnectAtOnce, AnAddressOfThisMachineAnswersAtOnce) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
    const auto connect = [&] {
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        const int why = connect_at_once(socket, reinterpret_cast<sockaddr*>(&at), size);
        ::close(socket);
        return why;
    };
    EXPECT_EQ(connect(), ECONNREFUSED) << "nobody listens";
    ::listen(listener, 4);
    EXPECT_EQ(connect(), 0);
    ::close(listener);
    EXPECT_EQ(connect_at_once(-1, reinterpret_cast<sockaddr*>(&at), size), EBADF);
}

TEST(ProbeInANetwork, TheThreadComesBack) {
    const Neighbour task("127.0.0.1");
    struct stat before{};
    struct stat after{};
    ASSERT_EQ(::stat("/proc/thread-self/ns/net", &before), 0);
    const int socket = socket_in_network(task.pid(), AF_INET);
    ASSERT_GE(socket, 0);
    ::close(socket);
    ASSERT_EQ(::stat("/proc/thread-self/ns/net", &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    EXPECT_FALSE(can_enter_network(0));
}

}  // namespace
}  // namespace tepui::agent
