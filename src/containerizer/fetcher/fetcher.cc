#include "containerizer/fetcher/fetcher.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "containerizer/beneath.h"
#include "containerizer/fetcher/download.h"
#include "containerizer/fetcher/extract.h"
#include "containerizer/fetcher/output.h"
#include "containerizer/fetcher/plan.h"

namespace tepui::containerizer::fetcher {
namespace {

Result<void> copy_local(const std::string& path, int fd, const FetchOptions& options,
                        const std::atomic<bool>& cancelled) {
    // O_NONBLOCK: a pipe of that name must not hold the worker.
    const Descriptor source(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!source) return fail(Errc::io, "cannot open '{}': {}", path, errno_text());
    struct stat stat{};
    if (::fstat(source.get(), &stat) != 0 || !S_ISREG(stat.st_mode))
        return fail(Errc::invalid_argument, "'{}' is not a file", path);
    Budget budget{options.bytes_max};
    std::vector<char> buffer(1 << 16);
    for (;;) {
        if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
        const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::io, "cannot read '{}': {}", path, errno_text());
        if (got == 0) return {};
        TEPUI_CHECK_OK(budget.take(static_cast<std::uint64_t>(got)));
        TEPUI_CHECK_OK(write_all(fd, buffer.data(), static_cast<std::size_t>(got)));
    }
}

Result<void> unpack(const FetchPlan& plan, int fd, int sandbox_fd, const FetchOptions& options,
                    const std::atomic<bool>& cancelled) {
    if (plan.unpack == Unpack::no) return {};
    if (::lseek(fd, 0, SEEK_SET) < 0) return fail(Errc::io, "cannot rewind: {}", errno_text());
    Budget budget{options.bytes_max};
    if (plan.unpack == Unpack::archive) return extract_archive(fd, sandbox_fd, budget, cancelled);
    const std::string output = plan.output.substr(0, plan.output.size() - 3);  // ".gz"
    const Place place = TEPUI_TRY(make_place(sandbox_fd, TEPUI_TRY(clean_path(output))));
    const Descriptor file = TEPUI_TRY(create_file(place, 0644));
    return extract_gzip(fd, file.get(), budget, cancelled);
}

Result<void> fetch(const mesos::v1::CommandInfo::URI& uri, int sandbox_fd,
                   const FetchOptions& options, const std::atomic<bool>& cancelled) {
    const FetchPlan plan = TEPUI_TRY(plan_fetch(uri, options.frameworks_home));
    const Place place = TEPUI_TRY(make_place(sandbox_fd, TEPUI_TRY(clean_path(plan.output))));
    const Descriptor file = TEPUI_TRY(create_file(place, 0644));
    TEPUI_CHECK_OK(plan.source == Source::http
                       ? download(plan.from, file.get(), options, cancelled)
                       : copy_local(plan.from, file.get(), options, cancelled));
    if (plan.executable && ::fchmod(file.get(), 0755) != 0)
        return fail(Errc::io, "cannot make it executable: {}", errno_text());
    return unpack(plan, file.get(), sandbox_fd, options, cancelled);
}

}  // namespace

Result<void> fetch_all(const mesos::v1::CommandInfo& command, const std::string& container,
                       int sandbox_fd, const User* user, const FetchOptions& options,
                       const std::atomic<bool>& cancelled) {
    const FilesAs rights(user);
    Result<void> done;
    if (!rights.ok()) done = fail(Errc::denied, "cannot act as user '{}'", user->name);
    for (const auto& uri : command.uris()) {
        if (done && cancelled.load()) done = fail(Errc::cancelled, "the launch was cancelled");
        if (!done) break;
        done = fetch(uri, sandbox_fd, options, cancelled);
        if (!done) done = fail_with("'" + uri.value() + "'", done.error());
    }
    if (done) return {};
    return fail_with("Failed to fetch all URIs for container '" + container + "'", done.error());
}

}  // namespace tepui::containerizer::fetcher
