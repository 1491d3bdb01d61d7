#include "http/raw_client_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

#include "base/assert.h"

namespace tepui::http {

RawClient::RawClient(std::uint16_t port, int receive_buffer_bytes) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TEPUI_ASSERT(socket_ >= 0);
    if (receive_buffer_bytes > 0)
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                     sizeof(receive_buffer_bytes));
    const timeval wait{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TEPUI_ASSERT(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

RawClient::~RawClient() { close(); }

bool RawClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void RawClient::close_sending() { ::shutdown(socket_, SHUT_WR); }

void RawClient::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
}

bool RawClient::receive() {
    char part[16384];
    const ssize_t got = ::recv(socket_, part, sizeof(part), 0);
    if (got <= 0) return false;
    received_.append(part, static_cast<std::size_t>(got));
    return true;
}

std::string RawClient::read_until(std::string_view text) {
    std::size_t found = 0;
    while ((found = received_.find(text)) == std::string::npos)
        if (!receive()) return std::exchange(received_, {});
    std::string through = received_.substr(0, found + text.size());
    received_.erase(0, through.size());
    return through;
}

std::string RawClient::read(std::size_t bytes) {
    while (received_.size() < bytes && receive()) {
    }
    std::string part = received_.substr(0, bytes);
    received_.erase(0, part.size());
    return part;
}

std::string RawClient::read_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
}

std::string RawClient::read_response() {
    std::string head = read_until("\r\n\r\n");
    const auto length = head.find("Content-Length: ");
    if (length == std::string::npos) return head;
    return head + read(std::strtoull(head.c_str() + length + 16, nullptr, 10));
}

bool RawClient::is_closed() {
    char byte = 0;
    if (!received_.empty()) return false;
    const ssize_t got = ::recv(socket_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

std::string body_of(std::string_view response) {
    const auto end = response.find("\r\n\r\n");
    return end == std::string_view::npos ? "" : std::string(response.substr(end + 4));
}

}  // namespace tepui::http
