#include "containerizer/isolators/linux_capabilities/linux_capabilities.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/linux_capabilities/capabilities.h"

#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // `capability_info`.

namespace tepui::containerizer {
namespace {

constexpr std::uint64_t k_sys_admin = std::uint64_t{1} << 21;

bool is_enabled(const IsolatorContext& context, std::string_view name) {
    return std::ranges::find(context.options.isolation, name) != context.options.isolation.end();
}

class LinuxCapabilities final : public Isolator {
public:
    LinuxCapabilities(const SecurityOptions& flags, bool may_mount)
        : flags_(flags), may_mount_(may_mount) {}

    std::string_view name() const override { return "linux/capabilities"; }

    Result<void> prepare_machine() override {
        agent_ = TEPUI_TRY(own_capabilities());
        return {};
    }

    bool concerns(const LaunchSpec& spec) const override {
        if (spec.hold) return false;
        if (flags_.effective_capabilities || flags_.bounding_capabilities) return true;
        if (!spec.info) return false;
        const mesos::v1::LinuxInfo& asked = spec.info->linux_info();
        return asked.has_effective_capabilities() || asked.has_capability_info() ||
               asked.has_bounding_capabilities();
    }

    Result<void> prepare(const Isolated&, const LaunchSpec& spec, LaunchPlan& plan) override {
        static const mesos::v1::LinuxInfo k_nothing;
        const bool is_root = plan.user ? plan.user->uid == 0 : ::geteuid() == 0;
        plan.capabilities = TEPUI_TRY(plan_capabilities(
            spec.info ? spec.info->linux_info() : k_nothing, flags_, agent_, is_root));
        const bool has_image = spec.info && spec.info->mesos().has_image();
        if (may_mount_ && !has_image && plan.capabilities &&
            (plan.capabilities->bounding & k_sys_admin) == 0)
            keep_kernel(plan);
        return {};
    }

private:
    /// The kernel takes settings from whoever is root, without asking for capabilities; one of them
    /// names a program that it runs for every core dump.
    static void keep_kernel(LaunchPlan& plan) {
        for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"})
            if (::access(path, F_OK) == 0)
                plan.mounts.push_back({.source = path,
                                       .target = path,
                                       .type = {},
                                       .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                                       .data = {}});
    }

    const SecurityOptions flags_;
    const bool may_mount_;
    std::uint64_t agent_ = 0;
};

Result<std::uint64_t> read_mask(const std::string& status, std::string_view key) {
    const std::size_t at = status.find(key);
    std::uint64_t mask = 0;
    if (at != std::string::npos) {
        const char* begin = status.data() + at + key.size();
        const char* end = status.data() + status.size();
        if (std::from_chars(begin, end, mask, 16).ec == std::errc{}) return mask;
    }
    return fail(Errc::io, "/proc/self/status does not tell this process' capabilities");
}

}  // namespace

Result<std::uint64_t> own_capabilities() {
    const std::string status = cgroups::read_file("/proc/self/status");
    const std::uint64_t permitted = TEPUI_TRY(read_mask(status, "CapPrm:\t"));
    const std::uint64_t bounding = TEPUI_TRY(read_mask(status, "CapBnd:\t"));
    return permitted & bounding;
}

Result<std::unique_ptr<Isolator>> make_linux_capabilities(const IsolatorContext& context) {
    const SecurityOptions& flags = context.options.security;
    if (flags.effective_capabilities && flags.bounding_capabilities) {
        const std::uint64_t beyond = *flags.effective_capabilities & ~*flags.bounding_capabilities;
        if (beyond != 0)
            return fail(Errc::invalid_argument,
                        "--effective_capabilities has {}, which --bounding_capabilities does not",
                        capability_names(beyond));
    }
    std::unique_ptr<Isolator> made =
        std::make_unique<LinuxCapabilities>(flags, is_enabled(context, "filesystem/linux"));
    return made;
}

}  // namespace tepui::containerizer
