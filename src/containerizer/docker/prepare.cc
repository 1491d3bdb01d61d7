#include "containerizer/docker/prepare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/log_limits.h"

namespace tepui::containerizer::docker {
namespace {

constexpr const char* k_record_name = "/record";
constexpr std::size_t k_log_files_max = 1'000;

Result<std::vector<std::string>> parts_beneath(const std::string& work_dir,
                                               const std::string& path) {
    std::string_view prefix = work_dir;
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (!path.starts_with(prefix) || path.size() <= prefix.size() + 1 || path[prefix.size()] != '/')
        return fail(Errc::invalid_argument, "'{}' is not beneath the work directory '{}'", path,
                    work_dir);
    return clean_path(std::string_view(path).substr(prefix.size() + 1));
}

Result<Descriptor> make_sandbox(const Options& options, const LaunchSpec& spec, const User* user) {
    const auto parts = TEPUI_TRY(parts_beneath(options.work_dir, spec.sandbox));
    const Descriptor work_dir = TEPUI_TRY(make_trusted_directory(options.work_dir, 0755));
    Descriptor sandbox = TEPUI_TRY(make_directories_beneath(work_dir.get(), parts, 0755));
    if (::fchmod(sandbox.get(), 0750) != 0)
        return fail(Errc::io, "cannot set its mode: {}", errno_text());
    if (user != nullptr && ::fchown(sandbox.get(), user->uid, user->gid) != 0)
        return fail(Errc::io, "cannot chown it to '{}': {}", user->name, errno_text());
    return sandbox;
}

/// A directory, unless something is there already that is no link.
Result<void> make_place(int sandbox, const std::string& path, const User* user) {
    if (open_beneath(sandbox, path, O_PATH | O_NOFOLLOW)) return {};
    const auto parts = TEPUI_TRY(clean_path(path));
    const Result<Descriptor> made = make_directories_beneath(sandbox, parts, 0755);
    if (!made) return fail_with(fmt::format("the volume '{}' of the sandbox", path), made.error());
    if (user != nullptr) (void)!::fchown(made->get(), user->uid, user->gid);
    return {};
}

std::unexpected<LaunchError> sandbox_failure(const LaunchSpec& spec, const Error& error) {
    const std::string context = fmt::format("Failed to create sandbox '{}'", spec.sandbox);
    return std::unexpected(LaunchError{fail_with(context, error).error(), true});
}

std::int64_t number_or(std::string_view text, std::int64_t fallback) {
    std::int64_t value = fallback;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::expected<Prepared, LaunchError> prepare_sandbox(const Options& options, const LaunchSpec& spec,
                                                     const std::vector<std::string>& paths,
                                                     const std::atomic<bool>& cancelled) {
    Prepared prepared;
    if (!spec.user.empty() && options.switch_user) {
        Result<User> user = find_user(spec.user);
        if (!user) return sandbox_failure(spec, user.error());
        if (::geteuid() == 0 || user->uid != ::geteuid()) prepared.user = std::move(*user);
    }
    const User* user = prepared.user ? &*prepared.user : nullptr;
    Result<Descriptor> sandbox = make_sandbox(options, spec, user);
    if (!sandbox) return sandbox_failure(spec, sandbox.error());
    prepared.sandbox = std::move(*sandbox);
    if (!spec.command.uris().empty()) {
        const auto fetcher = fetcher::make_fetcher(options);
        if (!fetcher) return std::unexpected(LaunchError{fetcher.error(), false});
        const Result<void> fetched = (*fetcher)->fetch(
            {spec.command, spec.environment, spec.container.value, prepared.sandbox.get(), user},
            cancelled);
        if (!fetched) return std::unexpected(LaunchError{fetched.error(), false});
    }
    for (const std::string& path : paths)
        if (const Result<void> made = make_place(prepared.sandbox.get(), path, user); !made)
            return std::unexpected(LaunchError{made.error(), false});
    return prepared;
}

Result<LogLimits> log_limits_of(const Options& options, const mesos::v1::CommandInfo& command) {
    LaunchPlan plan;
    plan.log_bytes_max = options.log_bytes_max;
    plan.log_files_max = static_cast<std::uint32_t>(
        std::clamp<std::size_t>(options.log_files_max, 1, k_log_files_max));
    plan.error_log_bytes_max = plan.log_bytes_max;
    plan.error_log_files_max = plan.log_files_max;
    TEPUI_CHECK_OK(override_log_limits(command, plan));
    return LogLimits{LogLimit{plan.log_bytes_max, plan.log_files_max},
                     LogLimit{plan.error_log_bytes_max, plan.error_log_files_max}};
}

Result<void> write_record(const std::string& directory, const Record& record) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return fail(Errc::io, "cannot make '{}': {}", directory, error.message());
    const std::string path = directory + k_record_name;
    const Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    std::string text =
        fmt::format("{}\n{}\n{}\n{}\n", record.container, record.sandbox, record.uid, record.gid);
    for (const LogLimit& limit : record.logs)
        text += fmt::format("{}\n{}\n", limit.bytes_max, limit.files_max);
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

Result<Record> read_record(const std::string& directory) {
    const std::string text = cgroups::read_file(directory + k_record_name);
    std::vector<std::string> lines;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos;
         at = end + 1)
        lines.push_back(text.substr(at, end - at));
    if (lines.size() < 8)
        return fail(Errc::corrupt, "'{}' is not whole", directory + k_record_name);
    Record record{lines[0], lines[1], number_or(lines[2], -1), number_or(lines[3], -1), {}};
    for (std::size_t i = 0; i < record.logs.size(); ++i) {
        record.logs[i].bytes_max = static_cast<std::uint64_t>(number_or(lines[4 + 2 * i], 0));
        record.logs[i].files_max = static_cast<std::uint32_t>(number_or(lines[5 + 2 * i], 1));
    }
    return record;
}

Result<Descriptor> open_sandbox(const std::string& work_dir, const std::string& sandbox) {
    const auto parts = TEPUI_TRY(parts_beneath(work_dir, sandbox));
    std::string relative;
    for (const std::string& part : parts) relative += (relative.empty() ? "" : "/") + part;
    const Descriptor top = TEPUI_TRY(make_trusted_directory(work_dir, 0755));
    return open_beneath(top.get(), relative, O_RDONLY | O_DIRECTORY);
}

}  // namespace tepui::containerizer::docker
