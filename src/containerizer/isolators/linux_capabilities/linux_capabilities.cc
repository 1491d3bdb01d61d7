#include "containerizer/isolators/linux_capabilities/linux_capabilities.h"

#include <unistd.h>

#include <charconv>

#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/linux_capabilities/capabilities.h"

#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // `capability_info`.

namespace tepui::containerizer {
namespace {

class LinuxCapabilities final : public Isolator {
public:
    explicit LinuxCapabilities(const SecurityOptions& flags) : flags_(flags) {}

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
        return {};
    }

private:
    const SecurityOptions flags_;
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
    std::unique_ptr<Isolator> made = std::make_unique<LinuxCapabilities>(flags);
    return made;
}

}  // namespace tepui::containerizer
