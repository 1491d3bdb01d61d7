// What was fetched, into the sandbox: under its name only when it is all there and what it should
// be.

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containerizer/beneath.h"
#include "containerizer/fetcher/copy.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/unpack/output.h"
#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer::fetcher {

/// Of a name that no archive can guess: one of the same task must not get in the place of a file
/// that was checked already.
Result<void> Fetcher::make_temporary(Item& item, const FetchRequest& request) {
    const FilesAs rights(request.user);
    if (!rights.ok()) return fail(Errc::denied, "cannot act as user '{}'", request.user->name);
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number)
        return fail(Errc::io, "no random numbers: {}", errno_text());
    const std::string name = fmt::format(".fetch-{:016x}", number);
    item.file = TEPUI_TRY(
        open_beneath(request.sandbox_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    item.temporary = name;
    return {};
}

Result<void> Fetcher::place(Item& item, const FetchRequest& request,
                            const std::atomic<bool>& cancelled) {
    if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
    // As in Mesos: an archive of the cache is not copied to be unpacked.
    if (!item.cached || item.plan.unpack == Unpack::no)
        TEPUI_CHECK_OK(put(item, request, cancelled));
    if (item.plan.unpack == Unpack::no) return {};
    const Result<void> unpacked = unpack(item, request, cancelled);
    if (!unpacked && item.cached && unpacked.error().code == Errc::corrupt)
        cache_->forget(*item.cached);
    return unpacked;
}

Result<void> Fetcher::put(Item& item, const FetchRequest& request,
                          const std::atomic<bool>& cancelled) {
    if (item.cached) {
        TEPUI_CHECK_OK(make_temporary(item, request));
        TEPUI_CHECK_OK(copy_file(item.cached->fd(), item.file.get(), options_.limits.bytes_max,
                                 nullptr, cancelled));
    }
    const FilesAs rights(request.user);
    if (!rights.ok()) return fail(Errc::denied, "cannot act as user '{}'", request.user->name);
    if (item.plan.executable && ::fchmod(item.file.get(), 0755) != 0)
        return fail(Errc::io, "cannot make it executable: {}", errno_text());
    const unpack::Place place =
        TEPUI_TRY(unpack::make_place(request.sandbox_fd, TEPUI_TRY(clean_path(item.plan.output))));
    if (::renameat(request.sandbox_fd, item.temporary.c_str(), place.directory.get(),
                   place.name.c_str()) != 0)
        return fail(Errc::io, "cannot put it at '{}': {}", item.plan.output, errno_text());
    item.temporary.clear();
    return {};
}

Result<void> Fetcher::unpack(const Item& item, const FetchRequest& request,
                             const std::atomic<bool>& cancelled) {
    unpack::Job job;
    job.program = options_.unpack_program;
    job.archive_fd = item.cached ? item.cached->fd() : item.file.get();
    job.directory_fd = request.sandbox_fd;
    job.user = request.user;
    job.limits.bytes_max = options_.limits.bytes_max;
    if (item.plan.unpack == Unpack::gzip) {
        job.kind = unpack::Kind::gzip;
        job.output = item.plan.output.substr(0, item.plan.output.size() - 3);  // ".gz"
    }
    const Result<unpack::Unpacked> unpacked = unpack::run(job, cancelled);
    if (!unpacked) return std::unexpected(unpacked.error());
    return {};
}

}  // namespace tepui::containerizer::fetcher
