#include "containerizer/isolators/network_cni/network_namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cstring>
#include <sstream>
#include <thread>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::cni {
namespace {

constexpr auto k_nsfs_magic = 0x6e736673;  // Source: linux/magic.h.

Result<void> raise_loopback() {
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return fail(Errc::io, "cannot make a socket: {}", errno_text());
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
    if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0)
        return fail(Errc::io, "cannot find the loopback interface: {}", errno_text());
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
        return fail(Errc::io, "cannot bring the loopback interface up: {}", errno_text());
    return {};
}

/// On a thread that ends after it: it never comes back from there.
Result<void> make_here(const std::string& path) {
    if (::unshare(CLONE_NEWNET) != 0)
        return fail(Errc::io, "cannot make a network namespace: {}", errno_text());
    TEPUI_CHECK_OK(raise_loopback());
    if (::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return fail(Errc::io, "cannot keep the network namespace at '{}': {}", path, errno_text());
    return {};
}

}  // namespace

Result<void> make_network_namespace(const std::string& path) {
    const Descriptor file(
        ::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
    if (!file) return fail(Errc::io, "cannot make '{}': {}", path, errno_text());
    Result<void> made;
    std::thread([&] { made = make_here(path); }).join();
    return made;
}

Result<void> remove_network_namespace(const std::string& path) {
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL &&
        errno != ENOENT)
        return fail(Errc::io, "cannot unmount '{}': {}", path, errno_text());
    // Copies in the mount namespaces of other containers go with the file.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return fail(Errc::io, "cannot remove '{}': {}", path, errno_text());
    return {};
}

bool is_kept(const std::string& path) {
    struct statfs status{};
    return ::statfs(path.c_str(), &status) == 0 && status.f_type == k_nsfs_magic;
}

Result<void> keep_again(std::int64_t pid, const std::string& path) {
    const std::string source = fmt::format("/proc/{}/ns/net", pid);
    if (is_in_namespace(pid, "/proc/self/ns/net"))
        return fail(Errc::conflict, "process {} is in the agent's own network", pid);
    if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return fail(Errc::io, "cannot keep '{}' at '{}': {}", source, path, errno_text());
    return {};
}

bool is_in_namespace(std::int64_t pid, const std::string& path) {
    struct stat kept{};
    struct stat own{};
    return ::stat(path.c_str(), &kept) == 0 &&
           ::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &own) == 0 &&
           kept.st_dev == own.st_dev && kept.st_ino == own.st_ino;
}

Traffic parse_traffic(std::string_view text) {
    Traffic sum;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos) continue;  // The two lines above the table.
        const std::size_t begin = line.find_first_not_of(' ');
        if (line.substr(begin, colon - begin) == "lo") continue;
        std::istringstream fields(line.substr(colon + 1));
        std::array<std::uint64_t, 12> n{};  // The rest counts what does not concern us.
        for (std::uint64_t& each : n) fields >> each;
        sum.rx_bytes += n[0], sum.rx_packets += n[1], sum.rx_errors += n[2], sum.rx_dropped += n[3];
        sum.tx_bytes += n[8], sum.tx_packets += n[9], sum.tx_errors += n[10];
        sum.tx_dropped += n[11];
    }
    return sum;
}

}  // namespace tepui::containerizer::cni
