#include "unlayer/jail.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "unlayer/protocol.h"

namespace tepui::unlayer {
namespace {

// zstd's longest window is 2 GiB; what needs more than half of that is no layer.
constexpr rlim_t k_memory_max = rlim_t{1} << 30;
constexpr rlim_t k_descriptors_max = 64;

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }
// Ownership, modes and file capabilities of any user; whiteouts on kernels before 5.8.
constexpr std::uint64_t k_kept = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) |
                                 bit(CAP_FSETID) | bit(CAP_SETFCAP) | bit(CAP_MKNOD);

bool limit(int resource, rlim_t value) {
    const rlimit both{value, value};
    return ::setrlimit(static_cast<__rlimit_resource>(resource), &both) == 0;
}

bool drop_capabilities() {
    for (int each = 0; each <= CAP_LAST_CAP; ++each)
        if ((k_kept & bit(each)) == 0) ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (int half = 0; half < 2; ++half) {
        const auto word = static_cast<__u32>(k_kept >> (32 * half));
        data[half] = {word, word, 0};
    }
    return ::syscall(SYS_capset, &header, data) == 0;
}

/// Everything that is not named fails with EPERM.
bool filter_calls() {
    const int allowed[] = {
        SCMP_SYS(read),          SCMP_SYS(readv),
        SCMP_SYS(write),         SCMP_SYS(writev),
        SCMP_SYS(pread64),       SCMP_SYS(pwrite64),
        SCMP_SYS(close),         SCMP_SYS(lseek),
        SCMP_SYS(fstat),         SCMP_SYS(newfstatat),
        SCMP_SYS(statx),         SCMP_SYS(openat2),
        SCMP_SYS(mkdirat),       SCMP_SYS(unlinkat),
        SCMP_SYS(symlinkat),     SCMP_SYS(linkat),
        SCMP_SYS(readlinkat),    SCMP_SYS(fchown),
        SCMP_SYS(fchownat),      SCMP_SYS(fchmod),
        SCMP_SYS(ftruncate),     SCMP_SYS(utimensat),
        SCMP_SYS(fsetxattr),     SCMP_SYS(brk),
        SCMP_SYS(mmap),          SCMP_SYS(munmap),
        SCMP_SYS(mremap),        SCMP_SYS(mprotect),
        SCMP_SYS(madvise),       SCMP_SYS(futex),
        SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
        SCMP_SYS(exit),          SCMP_SYS(exit_group),
        SCMP_SYS(fcntl),         SCMP_SYS(restart_syscall),
        SCMP_SYS(poll),          SCMP_SYS(getpid),
        SCMP_SYS(gettid),        SCMP_SYS(tgkill),
    };
    const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == nullptr) return false;
    bool good = true;
    for (const int call : allowed)
        good = good && ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
    // Whiteouts and pipes alone: their device number is 0.
    const scmp_arg_cmp device_is_0{3, SCMP_CMP_EQ, 0, 0};
    good = good && ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1,
                                            &device_is_0) == 0;
    good = good && ::seccomp_load(filter) == 0;
    ::seccomp_release(filter);
    return good;
}

}  // namespace

const char* enter_jail(std::uint64_t file_bytes_max) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ::syscall(SYS_close_range, UNLAYER_DIRECTORY_FD + 1, ~0U, 0);
    ::umask(0);
    ::signal(SIGXFSZ, SIG_IGN);  // A write beyond the limit fails, and is reported.
    if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_AS, k_memory_max) ||
        !limit(RLIMIT_NOFILE, k_descriptors_max) || !limit(RLIMIT_FSIZE, file_bytes_max))
        return "limits cannot be set";
    if (::fchdir(UNLAYER_DIRECTORY_FD) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0)
        return "the directory cannot become the root; it takes root's rights";
    if (!drop_capabilities()) return "capabilities cannot be dropped";
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "new privileges cannot be ruled out";
    if (!filter_calls()) return "system calls cannot be filtered";
    return nullptr;
}

}  // namespace tepui::unlayer
