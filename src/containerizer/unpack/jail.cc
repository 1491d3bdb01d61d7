#include "containerizer/unpack/jail.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::unpack {
namespace {

// What libc, libarchive and the decompressors call, and making files; nothing that reaches another
// process, the network or a mount.
// clang-format off
constexpr std::array k_calls{
    "read", "readv", "pread64", "write", "writev", "lseek", "close", "fstat", "newfstatat", "statx",
    "fcntl", "openat", "openat2", "mkdirat", "unlinkat", "symlinkat", "linkat", "fchmod",
    "ftruncate", "utimensat", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "exit", "exit_group", "getpid", "gettid",
    "tgkill", "clock_gettime", "getrandom", "prlimit64", "sched_getaffinity", "sched_yield"};
// clang-format on

Result<void> failed(const char* what) {
    return fail(Errc::io, "the unpacker cannot {}: {}", what, errno_text());
}

/// A decompressor is told by the archive how much memory it wants.
void limit_resources() {
    const auto set = [](__rlimit_resource what, rlim_t most) {
        const rlimit limit{most, most};
        ::setrlimit(what, &limit);
    };
    set(RLIMIT_CORE, 0);
    set(RLIMIT_NOFILE, 64);
    set(RLIMIT_AS, rlim_t{2} << 30);
}

Result<void> become(const JailedAs& as) {
    if (::setgroups(as.groups.size(), as.groups.data()) != 0) return failed("set groups");
    if (::setresgid(as.gid, as.gid, as.gid) != 0) return failed("set the group");
    if (::setresuid(as.uid, as.uid, as.uid) != 0) return failed("set the user");
    // Root keeps them otherwise.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, 2> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) return failed("give up capabilities");
    return {};
}

Result<void> filter_calls() {
    const std::unique_ptr<void, void (*)(void*)> filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                        ::seccomp_release);
    if (!filter) return fail(Errc::io, "the unpacker cannot make a system call filter");
    for (const char* name : k_calls) {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number >= 0 && ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0) != 0)
            return fail(Errc::io, "the unpacker cannot allow '{}'", name);
    }
    if (::seccomp_load(filter.get()) != 0)
        return fail(Errc::io, "the unpacker cannot filter its system calls");
    return {};
}

}  // namespace

Result<void> enter_jail(int directory_fd, const JailedAs& as) {
    limit_resources();
    constexpr int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
    const bool root = ::geteuid() == 0;
    if (root) {
        if (::unshare(spaces) != 0) return failed("have its own namespaces");
        if (::fchdir(directory_fd) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0)
            return failed("make the directory its root");
        TEPUI_CHECK_OK(become(as));
    } else if (::unshare(CLONE_NEWUSER | spaces) == 0) {
        if (::fchdir(directory_fd) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0)
            return failed("make the directory its root");
    }
    // After the change of the user, which clears it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("give up new privileges");
    return filter_calls();
}

}  // namespace tepui::containerizer::unpack
