#include "bench/load/probe_floor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace tepui::bench {
namespace {

constexpr std::string_view k_request =
    "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";

double micros_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

double cpu_us(int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    return micros_of(usage.ru_utime) + micros_of(usage.ru_stime);
}

Result<void> talk(int socket, bool http) {
    if (!http) return {};
    if (::send(socket, k_request.data(), k_request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(k_request.size()))
        return fail(Errc::io, "cannot send: {}", std::strerror(errno));
    std::string answer;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::recv(socket, buffer, sizeof buffer, 0)) > 0)
        answer.append(buffer, static_cast<std::size_t>(got));
    if (!answer.starts_with("HTTP/1.1 200"))
        return fail(Errc::io, "the answer was '{}'", answer.substr(0, answer.find('\r')));
    return {};
}

Result<void> connect_once(std::uint16_t port, bool http) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return fail(Errc::io, "cannot make a socket: {}", std::strerror(errno));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Result<void> done;
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        done = talk(socket, http);
    else
        done = fail(Errc::io, "cannot connect to port {}: {}", port, std::strerror(errno));
    ::close(socket);
    return done;
}

Result<void> spawn_once(const std::string& command) {
    std::string text = command;
    char shell[] = "sh";
    char option[] = "-c";
    char* argv[] = {shell, option, text.data(), nullptr};
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, argv, environ);
    if (error != 0) return fail(Errc::io, "cannot spawn: {}", std::strerror(error));
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status != 0) return fail(Errc::io, "the command ended with wait status {}", status);
    return {};
}

}  // namespace

Result<Figures> probe_floor(const ProbeFloor& floor) {
    if (floor.kind != "http" && floor.kind != "tcp" && floor.kind != "command")
        return fail(Errc::invalid_argument, "unknown kind '{}'; known are http, tcp and command",
                    floor.kind);
    if (floor.count == 0) return fail(Errc::invalid_argument, "--count must be at least 1");
    const double before = cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN);
    for (std::size_t i = 0; i < floor.count; ++i) {
        const Result<void> done = floor.kind == "command"
                                      ? spawn_once(floor.command)
                                      : connect_once(floor.port, floor.kind == "http");
        if (!done) return std::unexpected(done.error());
    }
    Figures figures;
    figures.add("cpu_us", (cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN) - before) /
                              static_cast<double>(floor.count));
    return figures;
}

}  // namespace tepui::bench
