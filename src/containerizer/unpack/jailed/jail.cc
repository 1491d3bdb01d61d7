#include "containerizer/unpack/jailed/jail.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::unpack {
namespace {

// What libc, libarchive and the decompressors call, and making files; nothing that reaches another
// process, the network or a mount. Files are opened by openat2 alone: what libc would load by
// itself (openat) is the stranger's by now.
// clang-format off
constexpr std::array k_calls{
    "read", "readv", "pread64", "write", "writev", "lseek", "close", "fstat", "newfstatat", "statx",
    "fcntl", "openat2", "mkdirat", "unlinkat", "symlinkat", "linkat", "readlinkat", "fchmod",
    "ftruncate", "utimensat", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group",
    "getpid", "gettid", "tgkill", "poll", "clock_gettime", "getrandom", "sched_yield"};
// clang-format on
constexpr std::array k_owners_calls{"fchown", "fchownat", "fsetxattr"};

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }
// Ownership, modes and file capabilities of any user; whiteouts on kernels before 5.8.
constexpr std::uint64_t k_owners_capabilities = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) |
                                                bit(CAP_FOWNER) | bit(CAP_FSETID) |
                                                bit(CAP_SETFCAP) | bit(CAP_MKNOD);

Result<void> failed(const char* what) {
    return fail(Errc::io, "the unpacker cannot {}: {}", what, errno_text());
}

Result<void> limit_resources(const Jail& jail) {
    const std::pair<__rlimit_resource, rlim_t> limits[] = {{RLIMIT_CORE, 0},
                                                           {RLIMIT_NOFILE, 64},
                                                           {RLIMIT_AS, jail.memory_bytes_max},
                                                           {RLIMIT_FSIZE, jail.file_bytes_max}};
    for (const auto& [what, most] : limits) {
        // A lower one that this process was given stays.
        rlimit limit{};
        ::getrlimit(what, &limit);
        limit.rlim_max = std::min(limit.rlim_max, most);
        limit.rlim_cur = limit.rlim_max;
        if (::setrlimit(what, &limit) != 0) return failed("limit what it takes");
    }
    ::signal(SIGXFSZ, SIG_IGN);  // A write beyond the limit fails, and is reported.
    return {};
}

Result<void> change_root(int directory_fd) {
    if (::fchdir(directory_fd) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0)
        return failed("make the directory its root");
    return {};
}

/// Root keeps its capabilities otherwise, whoever's files it makes.
Result<void> keep_capabilities(std::uint64_t kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    for (std::size_t half = 0; half < data.size(); ++half) {
        const auto word = static_cast<__u32>(kept >> (32 * half));
        data[half] = {word, word, 0};
    }
    if (::syscall(SYS_capset, &header, data.data()) != 0) return failed("give up capabilities");
    return {};
}

Result<void> become(const JailedAs& as, std::uint64_t kept) {
    for (int each = 0; each <= CAP_LAST_CAP; ++each)
        if ((kept & bit(each)) == 0) ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
    if (::setgroups(as.groups.size(), as.groups.data()) != 0) return failed("set groups");
    if (::setresgid(as.gid, as.gid, as.gid) != 0) return failed("set the group");
    if (::setresuid(as.uid, as.uid, as.uid) != 0) return failed("set the user");
    return keep_capabilities(kept);
}

/// Everything that is not named fails with EPERM.
Result<void> filter_calls(bool keeps_owners) {
    const std::unique_ptr<void, void (*)(void*)> filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                        ::seccomp_release);
    if (!filter) return fail(Errc::io, "the unpacker cannot make a system call filter");
    const auto allow = [&](const char* name) -> Result<void> {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number >= 0 && ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0) != 0)
            return fail(Errc::io, "the unpacker cannot allow '{}'", name);
        return {};
    };
    for (const char* name : k_calls) TEPUI_CHECK_OK(allow(name));
    if (keeps_owners) {
        for (const char* name : k_owners_calls) TEPUI_CHECK_OK(allow(name));
        // Whiteouts and pipes alone: their device number is 0.
        const scmp_arg_cmp device_is_0{3, SCMP_CMP_EQ, 0, 0};
        if (::seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1,
                                     &device_is_0) != 0)
            return fail(Errc::io, "the unpacker cannot allow 'mknodat'");
    }
    if (::seccomp_load(filter.get()) != 0)
        return fail(Errc::io, "the unpacker cannot filter its system calls");
    return {};
}

}  // namespace

Result<void> enter_jail(int directory_fd, const Jail& jail) {
    ::umask(0);
    TEPUI_CHECK_OK(limit_resources(jail));
    constexpr int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
    const bool root = ::geteuid() == 0;
    if (!root && jail.keeps_owners)
        return fail(Errc::denied, "unpacking layers takes root's rights: run the agent as root");
    if (root) {
        if (::unshare(spaces) != 0) return failed("have its own namespaces");
        TEPUI_CHECK_OK(change_root(directory_fd));
        TEPUI_CHECK_OK(become(jail.as, jail.keeps_owners ? k_owners_capabilities : 0));
    } else if (::unshare(CLONE_NEWUSER | spaces) == 0) {
        TEPUI_CHECK_OK(change_root(directory_fd));
        TEPUI_CHECK_OK(keep_capabilities(0));
    }
    // After the change of the user, which clears it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("give up new privileges");
    return filter_calls(jail.keeps_owners);
}

}  // namespace tepui::containerizer::unpack
