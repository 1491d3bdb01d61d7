#include "containerizer/oci/user_namespace.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "containerizer/cgroups/files.h"

namespace tepui::containerizer::oci {
namespace {

constexpr std::uint64_t k_ids_end = 0xffffffff;  // (uid_t)-1 is nobody's id.

struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
    return value;
}

Result<Range> check_range(Range range, const std::string& where) {
    if (range.first == 0)
        return fail(Errc::invalid_argument, "{}: the ids begin with 0, which is root outside too",
                    where);
    if (range.count < k_ids_min)
        return fail(Errc::invalid_argument, "{}: {} ids; images need {}", where, range.count,
                    k_ids_min);
    if (std::uint64_t{range.first} + range.count > k_ids_end)
        return fail(Errc::invalid_argument, "{}: the ids {} and the {} that follow end beyond {}",
                    where, range.first, range.count - 1, k_ids_end - 1);
    return range;
}

/// The range of `user` in a text with lines "NAME:FIRST:COUNT": the first that is large enough.
Result<Range> find_range(const std::string& user, std::string_view text, const std::string& file) {
    Result<Range> found =
        fail(Errc::not_found, "--userns_remap={}: {} has no ids for it (a line {}:FIRST:COUNT)",
             user, file, user);
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::size_t first = line.find(':');
        const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
        if (second == line.npos || line.substr(0, first) != user) continue;
        const auto begin = number(line.substr(first + 1, second - first - 1));
        const auto count = number(line.substr(second + 1));
        if (!begin || !count) continue;
        found = check_range({*begin, *count}, fmt::format("--userns_remap={}: {}", user, file));
        if (found) break;
    }
    return found;
}

/// Waits to be killed. It shares the memory of who made it, so it touches none.
int wait_for_end(void*) {
    for (;;) ::syscall(SYS_pause);
}

Result<void> write_map(pid_t pid, const char* name, std::uint32_t outside, std::uint32_t count) {
    const std::string path = fmt::format("/proc/{}/{}", pid, name);
    const std::string line = fmt::format("0 {} {}\n", outside, count);
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        return fail(Errc::unsupported, "cannot map ids of a user namespace: {}", errno_text());
    return {};
}

/// The user namespace of a process that is there.
Result<Descriptor> open_mapped(pid_t pid, const IdMap& ids) {
    TEPUI_CHECK_OK(write_map(pid, "uid_map", ids.uid, ids.count));
    TEPUI_CHECK_OK(write_map(pid, "gid_map", ids.gid, ids.count));
    Descriptor opened(::open(fmt::format("/proc/{}/ns/user", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) return fail(Errc::io, "cannot open a user namespace: {}", errno_text());
    return opened;
}

}  // namespace

Result<IdMap> parse_id_map(const std::string& wanted, std::string_view subuid,
                           std::string_view subgid) {
    const std::size_t colon = wanted.find(':');
    if (colon != std::string::npos) {
        const auto first = number(std::string_view(wanted).substr(0, colon));
        const auto count = number(std::string_view(wanted).substr(colon + 1));
        if (!first || !count)
            return fail(Errc::invalid_argument,
                        "--userns_remap={}: neither the name of a user nor UID:COUNT", wanted);
        const Range range = TEPUI_TRY(check_range({*first, *count}, "--userns_remap=" + wanted));
        return IdMap{range.first, range.first, range.count};
    }
    if (wanted.empty() || number(wanted))
        return fail(Errc::invalid_argument,
                    "--userns_remap={}: neither the name of a user nor UID:COUNT", wanted);
    const Range users = TEPUI_TRY(find_range(wanted, subuid, "/etc/subuid"));
    const Range groups = TEPUI_TRY(find_range(wanted, subgid, "/etc/subgid"));
    return IdMap{users.first, groups.first, std::min(users.count, groups.count)};
}

Result<IdMap> read_id_map(const std::string& wanted) {
    return parse_id_map(wanted, cgroups::read_file("/etc/subuid"),
                        cgroups::read_file("/etc/subgid"));
}

Result<std::shared_ptr<const UserNamespace>> UserNamespace::make(const IdMap& ids) {
    // A namespace lives as long as a descriptor of it; the process that it was made with need not.
    // Memory is shared, so that this large process is not copied.
    constexpr std::size_t stack_bytes = std::size_t{64} << 10;
    void* stack = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return fail(Errc::io, "no memory for a stack: {}", errno_text());
    const pid_t pid = ::clone(wait_for_end, static_cast<char*>(stack) + stack_bytes,
                              CLONE_VM | CLONE_NEWUSER, nullptr);
    Result<Descriptor> sample =
        pid < 0 ? Result<Descriptor>(
                      fail(Errc::unsupported, "cannot make a user namespace: {}", errno_text()))
                : open_mapped(pid, ids);
    if (pid > 0) {
        ::kill(pid, SIGKILL);
        while (::waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {
        }
    }
    ::munmap(stack, stack_bytes);
    if (!sample) return std::unexpected(sample.error());
    return std::shared_ptr<const UserNamespace>(new UserNamespace(ids, std::move(*sample)));
}

Result<void> UserNamespace::map(const Descriptor& tree, bool recursive) const {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(sample_.get());
    const unsigned flags = AT_EMPTY_PATH | (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
    if (::syscall(SYS_mount_setattr, tree.get(), "", flags, &attributes, sizeof attributes) != 0)
        return fail(Errc::unsupported, "no mount with other ids can be made: {}", errno_text());
    return {};
}

Result<void> check_passable(const std::string& path) {
    for (std::size_t end = 1; end <= path.size(); ++end) {
        if (end != path.size() && path[end] != '/') continue;
        const std::string prefix = path.substr(0, end);
        struct stat stat{};
        if (::stat(prefix.c_str(), &stat) != 0)
            return fail(Errc::io, "cannot look at '{}': {}", prefix, errno_text());
        if ((stat.st_mode & S_IXOTH) == 0)
            return fail(Errc::denied,
                        "'{}' lets nobody else pass (chmod o+x it, or give another directory)",
                        prefix);
    }
    return {};
}

}  // namespace tepui::containerizer::oci
