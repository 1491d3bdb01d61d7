#include "containerizer/isolators/linux_capabilities/capabilities.h"

#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // `capability_info`.

namespace tepui::containerizer {
namespace {

using mesos::v1::CapabilityInfo;

// The numbers of the protocol begin where the kernel's would be 0.
constexpr int k_first = CapabilityInfo::CHOWN;
constexpr int k_count = CapabilityInfo::Capability_MAX - k_first + 1;

std::optional<CapabilityInfo> effective_asked(const mesos::v1::LinuxInfo& asked) {
    if (asked.has_effective_capabilities()) return asked.effective_capabilities();
    if (asked.has_capability_info()) return asked.capability_info();  // What older schedulers say.
    return std::nullopt;
}

Result<void> check_within(std::string_view what, std::uint64_t asked, std::uint64_t allowed,
                          std::string_view whose) {
    const std::uint64_t beyond = asked & ~allowed;
    if (beyond == 0) return {};
    return fail(Errc::denied, "the task asks for the {} capabilities {}, but {} only {}", what,
                capability_names(beyond), whose, capability_names(allowed));
}

}  // namespace

Result<std::uint64_t> capability_mask(const CapabilityInfo& info) {
    std::uint64_t mask = 0;
    for (const int each : info.capabilities()) {
        if (each < k_first || each >= k_first + k_count)
            return fail(Errc::invalid_argument, "there is no capability {}", each);
        mask |= std::uint64_t{1} << (each - k_first);
    }
    return mask;
}

std::string capability_names(std::uint64_t mask) {
    std::string names;
    for (int i = 0; i < k_count; ++i) {
        if ((mask >> i & 1) == 0) continue;
        if (!names.empty()) names += ", ";
        names +=
            CapabilityInfo::Capability_Name(static_cast<CapabilityInfo::Capability>(k_first + i));
    }
    return names.empty() ? "none" : names;
}

std::optional<std::uint64_t> find_capability(std::string_view name) {
    if (name.starts_with("CAP_")) name.remove_prefix(4);
    CapabilityInfo::Capability found{};
    if (!CapabilityInfo::Capability_Parse(std::string(name), &found) || found < k_first)
        return std::nullopt;
    return std::uint64_t{1} << (found - k_first);
}

Result<std::optional<CapabilityPlan>> plan_capabilities(const mesos::v1::LinuxInfo& asked,
                                                        const SecurityOptions& flags,
                                                        std::uint64_t agent, bool is_root) {
    std::optional<std::uint64_t> effective;
    std::optional<std::uint64_t> bounding;
    if (const auto info = effective_asked(asked)) effective = TEPUI_TRY(capability_mask(*info));
    if (asked.has_bounding_capabilities())
        bounding = TEPUI_TRY(capability_mask(asked.bounding_capabilities()));
    const std::uint64_t allowed = flags.bounding_capabilities.value_or(~std::uint64_t{0});
    for (const auto& [what, mask] :
         {std::pair{"effective", effective}, std::pair{"bounding", bounding}}) {
        if (!mask) continue;
        TEPUI_CHECK_OK(
            check_within(what, *mask, allowed, "this agent's --bounding_capabilities allow"));
        TEPUI_CHECK_OK(check_within(what, *mask, agent, "this agent itself has"));
    }
    if (effective && bounding && (*effective & ~*bounding) != 0)
        return fail(Errc::invalid_argument,
                    "the task's effective capabilities {} are not in its bounding ones",
                    capability_names(*effective & ~*bounding));
    const bool effective_was_asked = effective.has_value();
    if (!bounding && flags.bounding_capabilities) bounding = *flags.bounding_capabilities & agent;
    if (!effective && flags.effective_capabilities)
        effective = *flags.effective_capabilities & agent & bounding.value_or(agent);
    if (!effective && !bounding) return std::nullopt;
    if (!bounding) bounding = effective_was_asked ? *effective : agent;
    if (!effective) effective = is_root ? *bounding : 0;
    return CapabilityPlan{.effective = *effective, .bounding = *bounding};
}

}  // namespace tepui::containerizer
