#include "containerizer/log_limits.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/bytes.h"

namespace tepui::containerizer {
namespace {

constexpr std::string_view k_prefix = "CONTAINER_LOGGER_";
constexpr std::uint64_t k_bytes_min = 4096;
constexpr std::uint32_t k_rotated_max = 999;

Result<std::uint64_t> size_of(const std::string& name, const std::string& text) {
    const auto bytes = parse_bytes(text);
    if (!bytes || bytes->count < k_bytes_min)
        return fail(Errc::invalid_argument, "{}='{}' is no size of at least 4KB, such as 10MB",
                    name, text);
    return bytes->count;
}

/// Of logrotate's options the one that means something here.
Result<std::uint32_t> files_of(const std::string& name, std::string_view text) {
    const auto wrong = [&] {
        return fail(Errc::invalid_argument,
                    "{}='{}': only 'rotate NUMBER' is understood, with at most {}", name, text,
                    k_rotated_max);
    };
    std::string_view rest = text;
    const auto skip_space = [&] {
        while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n' ||
                                 rest.front() == '\t' || rest.front() == ';'))
            rest.remove_prefix(1);
    };
    skip_space();
    if (!rest.starts_with("rotate")) return wrong();
    rest.remove_prefix(6);
    skip_space();
    std::uint32_t number = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (read.ec != std::errc{} || number > k_rotated_max) return wrong();
    rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
    skip_space();
    if (!rest.empty()) return wrong();
    return number + 1;
}

}  // namespace

Result<void> override_log_limits(const mesos::v1::CommandInfo& command, LaunchPlan& plan) {
    for (const auto& variable : command.environment().variables()) {
        const std::string& name = variable.name();
        if (!name.starts_with(k_prefix)) continue;
        const std::string_view what = std::string_view(name).substr(k_prefix.size());
        if (what == "MAX_STDOUT_SIZE")
            plan.log_bytes_max = TEPUI_TRY(size_of(name, variable.value()));
        else if (what == "MAX_STDERR_SIZE")
            plan.error_log_bytes_max = TEPUI_TRY(size_of(name, variable.value()));
        else if (what == "LOGROTATE_STDOUT_OPTIONS")
            plan.log_files_max = TEPUI_TRY(files_of(name, variable.value()));
        else if (what == "LOGROTATE_STDERR_OPTIONS")
            plan.error_log_files_max = TEPUI_TRY(files_of(name, variable.value()));
    }
    return {};
}

}  // namespace tepui::containerizer
