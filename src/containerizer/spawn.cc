#include "containerizer/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "containerizer/spawn_settings.h"
#include "shim/protocol.h"

namespace tepui::containerizer {
namespace {

constexpr int k_agents_waiting_max = 8;

Result<sockaddr_un> socket_address(const std::string& runtime_dir) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = runtime_dir + "/" SHIM_SOCKET_NAME;
    if (path.size() >= sizeof address.sun_path)
        return fail(Errc::invalid_argument, "the path '{}' is too long for a socket", path);
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

Result<Descriptor> connect_to(const sockaddr_un& address) {
    Descriptor connection(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!connection) return fail(Errc::io, "cannot make a socket: {}", errno_text());
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
        0)
        return connection;
    const bool none = errno == ECONNREFUSED || errno == ENOENT;
    return fail(none ? Errc::not_found : Errc::io, "cannot connect to '{}': {}", address.sun_path,
                errno_text());
}

}  // namespace

Result<Descriptor> memory_file(const std::string& bytes) {
    Descriptor file(::memfd_create("tepui-launch", MFD_CLOEXEC));
    if (!file) return fail(Errc::io, "cannot make a memory file: {}", errno_text());
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t wrote = ::write(file.get(), bytes.data() + done, bytes.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return fail(Errc::io, "cannot write a memory file: {}", errno_text());
        done += static_cast<std::size_t>(wrote);
    }
    return file;
}

Result<Spawned> spawn_shim(const std::string& shim_path, const LaunchPlan& plan,
                           const std::string& runtime_dir, int runtime_fd, int sandbox_fd) {
    const sockaddr_un address = TEPUI_TRY(socket_address(runtime_dir));
    const Descriptor listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!listener ||
        ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), k_agents_waiting_max) != 0)
        return fail(Errc::io, "cannot listen on '{}': {}", address.sun_path, errno_text());
    Spawned spawned;
    spawned.connection = TEPUI_TRY(connect_to(address));
    const Descriptor config =
        TEPUI_TRY(memory_file(encode_plan(plan, listener.get(), sandbox_fd, runtime_fd)));

    SpawnSettings settings;
    // A dup2 onto itself only clears close-on-exec, in the child alone.
    for (const int fd : {listener.get(), sandbox_fd, runtime_fd, config.get()})
        ::posix_spawn_file_actions_adddup2(&settings.actions, fd, fd);
    std::string name = "tepui-shim";
    std::string number = fmt::to_string(config.get());
    char* argv[] = {name.data(), number.data(), nullptr};
    char* environment[] = {nullptr};
    const int error = ::posix_spawn(&spawned.pid, shim_path.c_str(), &settings.actions,
                                    &settings.attributes, argv, environment);
    if (error != 0)
        return fail(Errc::io, "cannot start the shim '{}': {}", shim_path, errno_text(error));
    return spawned;
}

Result<Descriptor> connect_shim(const std::string& runtime_dir) {
    return connect_to(TEPUI_TRY(socket_address(runtime_dir)));
}

bool send_request(int connection, int request, const std::vector<int>& descriptors) {
    constexpr std::size_t count_max = 5;
    if (descriptors.empty() || descriptors.size() > count_max) return false;
    shim_request body_of_it{SHIM_VERSION, request};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(count_max * sizeof(int))] = {};
    const std::size_t size = descriptors.size() * sizeof(int);
    iovec body{&body_of_it, sizeof body_of_it};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(part), descriptors.data(), size);
    return ::sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(sizeof body_of_it);
}

bool send_signal(int connection, int signal) {
    const shim_request request{SHIM_VERSION, signal};
    return ::send(connection, &request, sizeof request, MSG_NOSIGNAL) ==
           static_cast<ssize_t>(sizeof request);
}

}  // namespace tepui::containerizer
