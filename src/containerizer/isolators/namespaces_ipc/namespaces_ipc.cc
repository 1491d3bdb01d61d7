#include "containerizer/isolators/namespaces_ipc/namespaces_ipc.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

// In the container's runtime directory: the namespace itself, bound there so that containers nested
// in it, and a later agent, find it whatever runs; and its /dev/shm.
constexpr const char* k_namespace_file = "/ipc";
constexpr const char* k_shm_directory = "/shm";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// Makes an IPC namespace and keeps it at `path`. A thread of its own enters it, which ends.
Result<void> make_namespace(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return fail(Errc::io, "cannot make '{}': {}", path, errno_text());
    int error = 0;
    std::thread([&] {
        if (::unshare(CLONE_NEWIPC) != 0 ||
            ::mount("/proc/thread-self/ns/ipc", path.c_str(), nullptr, MS_BIND, nullptr) != 0)
            error = errno;
    }).join();
    if (error != 0)
        return fail(Errc::io, "cannot make an IPC namespace at '{}': {}", path, errno_text(error));
    return {};
}

Result<void> make_shm(const std::string& path, std::optional<std::uint64_t> bytes) {
    std::string data = "mode=1777";
    if (bytes) data += fmt::format(",size={}", *bytes);
    if (::mkdir(path.c_str(), 0700) != 0 ||
        ::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, data.c_str()) != 0)
        return fail(Errc::io, "cannot mount the container's /dev/shm at '{}': {}", path,
                    errno_text());
    return {};
}

Result<void> unmount(const std::string& path) {
    // Neither there nor mounted: nothing to do.
    if (::umount2(path.c_str(), MNT_DETACH) == 0 || errno == EINVAL || errno == ENOENT) return {};
    return fail(Errc::io, "cannot unmount '{}': {}", path, errno_text());
}

class NamespacesIpc final : public Isolator {
public:
    explicit NamespacesIpc(const SecurityOptions& flags) : flags_(flags) {}

    std::string_view name() const override { return "namespaces/ipc"; }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        static const mesos::v1::LinuxInfo k_nothing;
        const mesos::v1::LinuxInfo& asked = spec.info ? spec.info->linux_info() : k_nothing;
        const IpcPlan ipc = TEPUI_TRY(plan_ipc(asked, !isolated.parent.empty(), flags_));
        std::string holder = isolated.parent;
        if (ipc.own) {
            holder = isolated.runtime_dir;
            TEPUI_CHECK_OK(make_namespace(holder + k_namespace_file));
            TEPUI_CHECK_OK(make_shm(holder + k_shm_directory, ipc.shm_bytes));
        }
        if (spec.hold) return {};  // Nothing runs in it; what is nested in it may join.
        std::string shm = "/dev/shm";
        if (!holder.empty() && exists(holder + k_namespace_file)) {
            plan.ipc_namespace = holder + k_namespace_file;
            shm = holder + k_shm_directory;
        } else if (!spec.info || !spec.info->mesos().has_image()) {
            return {};  // The agent's, which it sees in any case.
        }
        plan.mounts.push_back({.source = shm,
                               .target = "/dev/shm",
                               .type = {},
                               .flags = MS_NOSUID | MS_NODEV,
                               .data = {},
                               .recursive = false});
        return {};
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const Result<void> shm = unmount(isolated.runtime_dir + k_shm_directory);
        const Result<void> kept = unmount(isolated.runtime_dir + k_namespace_file);
        return shm ? kept : shm;
    }

private:
    const SecurityOptions flags_;
};

}  // namespace

Result<IpcPlan> plan_ipc(const mesos::v1::LinuxInfo& asked, bool nested,
                         const SecurityOptions& flags) {
    using mesos::v1::LinuxInfo;
    const bool says = asked.has_ipc_mode() && asked.ipc_mode() != LinuxInfo::UNKNOWN;
    const bool wants_shm = asked.has_shm_size();
    IpcPlan plan;
    plan.own = says ? asked.ipc_mode() == LinuxInfo::PRIVATE : !nested || wants_shm;
    if (!plan.own) {
        if (wants_shm)
            return fail(Errc::invalid_argument,
                        "'shm_size' needs the 'ipc_mode' PRIVATE: a shared /dev/shm has its size");
        if (!nested && flags.disallow_sharing_agent_ipc_namespace)
            return fail(Errc::denied,
                        "sharing the agent's IPC namespace is forbidden here "
                        "(--disallow_sharing_agent_ipc_namespace)");
        return plan;
    }
    plan.shm_bytes = flags.shm_bytes_default;
    if (wants_shm) plan.shm_bytes = std::uint64_t{asked.shm_size()} << 20;
    return plan;
}

std::unique_ptr<Isolator> make_namespaces_ipc(const IsolatorContext& context) {
    return std::make_unique<NamespacesIpc>(context.options.security);
}

}  // namespace tepui::containerizer
