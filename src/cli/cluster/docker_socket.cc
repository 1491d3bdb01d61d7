#include "cli/cluster/docker_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace tepui::cli {
namespace {

struct Closer {
    int fd;
    ~Closer() {
        if (fd >= 0) ::close(fd);
    }
};

}  // namespace

bool docker_answers(const std::string& socket_path, Duration patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    const Closer connection{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (connection.fd < 0 ||
        ::connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return false;
    constexpr std::string_view ping =
        "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
    if (::send(connection.fd, ping.data(), ping.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(ping.size()))
        return false;
    pollfd readable{connection.fd, POLLIN, 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    if (::poll(&readable, 1, static_cast<int>(ms)) != 1) return false;
    char answer[64] = "";
    const ssize_t got = ::recv(connection.fd, answer, sizeof answer - 1, 0);
    const std::string_view head(answer, got > 0 ? static_cast<std::size_t>(got) : 0);
    return head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200");
}

}  // namespace tepui::cli
