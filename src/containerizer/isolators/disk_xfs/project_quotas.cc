#include "containerizer/isolators/disk_xfs/project_quotas.h"

#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <climits>
#include <cstdlib>

#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

constexpr long k_xfs_magic = 0x58465342;
constexpr int k_project_quota = 2;                  // PRJQUOTA, which glibc does not name.
constexpr std::uint64_t k_basic_block_bytes = 512;  // Of fs_disk_quota.

int project_command(int command) { return QCMD(command, k_project_quota); }

/// The device node of what `path` is on.
Result<std::string> device_of(const std::string& path) {
    struct stat stat{};
    if (::stat(path.c_str(), &stat) != 0) return fail(Errc::io, "'{}': {}", path, errno_text());
    const std::string link =
        fmt::format("/sys/dev/block/{}:{}", major(stat.st_dev), minor(stat.st_dev));
    char real[PATH_MAX];
    if (::realpath(link.c_str(), real) == nullptr)
        return fail(Errc::unsupported, "'{}' is on no block device", path);
    const std::string name(real);
    return "/dev" + name.substr(name.rfind('/'));
}

class XfsQuotas final : public ProjectQuotas {
public:
    explicit XfsQuotas(std::string device) : device_(std::move(device)) {}

    Result<void> assign(const std::string& directory, std::uint32_t project) override {
        const Descriptor opened(
            ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        struct fsxattr attributes{};
        if (!opened || ::ioctl(opened.get(), FS_IOC_FSGETXATTR, &attributes) != 0)
            return fail(Errc::io, "the project of '{}': {}", directory, errno_text());
        attributes.fsx_projid = project;
        attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
        if (::ioctl(opened.get(), FS_IOC_FSSETXATTR, &attributes) != 0)
            return fail(Errc::io, "cannot give '{}' to project {}: {}", directory, project,
                        errno_text());
        return {};
    }

    Result<ProjectUsage> usage(std::uint32_t project) override {
        fs_disk_quota quota{};
        if (::quotactl(project_command(Q_XGETQUOTA), device_.c_str(), static_cast<int>(project),
                       reinterpret_cast<caddr_t>(&quota)) != 0) {
            if (errno == ENOENT || errno == ESRCH) return ProjectUsage{};
            return fail(Errc::io, "the usage of project {}: {}", project, errno_text());
        }
        return ProjectUsage{quota.d_bcount * k_basic_block_bytes, quota.d_icount};
    }

    Result<void> limit(std::uint32_t project, std::uint64_t soft_bytes,
                       std::uint64_t hard_bytes) override {
        fs_disk_quota quota{};
        quota.d_version = FS_DQUOT_VERSION;
        quota.d_id = project;
        quota.d_flags = FS_PROJ_QUOTA;
        quota.d_fieldmask = FS_DQ_BSOFT | FS_DQ_BHARD;
        quota.d_blk_softlimit = soft_bytes / k_basic_block_bytes;
        quota.d_blk_hardlimit = hard_bytes / k_basic_block_bytes;
        if (::quotactl(project_command(Q_XSETQLIM), device_.c_str(), static_cast<int>(project),
                       reinterpret_cast<caddr_t>(&quota)) != 0)
            return fail(Errc::io, "cannot limit project {}: {}", project, errno_text());
        return {};
    }

private:
    const std::string device_;
};

}  // namespace

Result<std::unique_ptr<ProjectQuotas>> open_xfs_quotas(const std::string& path) {
    struct statfs system{};
    if (::statfs(path.c_str(), &system) != 0) return fail(Errc::io, "'{}': {}", path, errno_text());
    if (system.f_type != k_xfs_magic)
        return fail(Errc::unsupported, "'{}' is not on XFS: move --work_dir there, or use disk/du",
                    path);
    std::string device = TEPUI_TRY(device_of(path));
    fs_quota_statv state{};
    state.qs_version = FS_QSTATV_VERSION1;
    if (::quotactl(project_command(Q_XGETQSTATV), device.c_str(), 0,
                   reinterpret_cast<caddr_t>(&state)) != 0)
        return fail(Errc::unsupported, "the quotas of {}: {}", device, errno_text());
    constexpr auto k_wanted = FS_QUOTA_PDQ_ACCT | FS_QUOTA_PDQ_ENFD;
    if ((state.qs_flags & k_wanted) != k_wanted)
        return fail(Errc::unsupported, "{} has no project quotas: mount it with 'prjquota'",
                    device);
    std::unique_ptr<ProjectQuotas> made = std::make_unique<XfsQuotas>(std::move(device));
    return made;
}

}  // namespace tepui::containerizer
