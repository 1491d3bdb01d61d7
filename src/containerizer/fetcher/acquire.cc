// One URI on its way from where it is to an open file: of the sandbox, or of the cache.

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "containerizer/fetcher/checksum.h"
#include "containerizer/fetcher/copy.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/fetcher/hadoop.h"

namespace tepui::containerizer::fetcher {
namespace {

/// A directory that goes with its end.
struct Temporary {
    std::string path;
    explicit Temporary(std::string made) : path(std::move(made)) {}
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() {
        std::error_code error;
        std::filesystem::remove_all(path, error);
    }
};

std::uint64_t size_of(int fd) {
    const off_t size = ::lseek(fd, 0, SEEK_END);
    return size < 0 ? 0 : static_cast<std::uint64_t>(size);
}

}  // namespace

Result<void> Fetcher::acquire(Item& item, const FetchRequest& request,
                              const std::atomic<bool>& cancelled) {
    if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
    if (item.plan.source == Source::local_file) return acquire_local(item, request, cancelled);
    const auto begun = std::chrono::steady_clock::now();
    ++counters_.downloads;
    const Variables variables = variables_of(request.command, request.environment);
    Result<void> done;
    if (item.plan.cache) done = acquire_cached(item, request, variables, cancelled);
    if (done && !item.cached) done = acquire_direct(item, request, variables, cancelled);
    --counters_.downloads;
    if (!done) return done;
    const double took = seconds(std::chrono::steady_clock::now() - begun) + 1e-6;  // Never nothing.
    const std::uint64_t bytes = size_of(item.cached ? item.cached->fd() : item.file.get());
    log(fmt::format("fetched '{}' for container '{}': {} in {:.2f} s ({}/s){}", item.shown,
                    request.container, format_bytes(bytes), took,
                    format_bytes(static_cast<std::uint64_t>(static_cast<double>(bytes) / took)),
                    item.cached ? ", through the cache" : ""));
    return {};
}

Result<void> Fetcher::acquire_local(Item& item, const FetchRequest& request,
                                    const std::atomic<bool>& cancelled) {
    Descriptor source;
    {
        const FilesAs rights(request.user);
        if (!rights.ok()) return fail(Errc::denied, "cannot act as user '{}'", request.user->name);
        source = TEPUI_TRY(open_local(item.plan.from));
    }
    TEPUI_CHECK_OK(make_temporary(item, request));
    TEPUI_CHECK_OK(
        copy_file(source.get(), item.file.get(), options_.limits.bytes_max, &counters_, cancelled));
    if (!item.plan.checksum) return {};
    return check_digest(item.file.get(), *item.plan.checksum, cancelled);
}

Result<void> Fetcher::acquire_direct(Item& item, const FetchRequest& request,
                                     const Variables& variables,
                                     const std::atomic<bool>& cancelled) {
    TEPUI_CHECK_OK(make_temporary(item, request));
    const Result<Cache::Filled> done =
        fetch_remote(item, request, variables, item.file.get(), {}, {}, cancelled);
    if (!done) return std::unexpected(done.error());
    if (!item.plan.checksum) return {};
    return check_digest(item.file.get(), *item.plan.checksum, cancelled);
}

/// Leaves `item.cached` empty when the cache has no room.
Result<void> Fetcher::acquire_cached(Item& item, const FetchRequest& request,
                                     const Variables& variables,
                                     const std::atomic<bool>& cancelled) {
    // Whose it is belongs to the key: a user is not given what another one was allowed to read.
    std::string identity;
    if (const Result<Target> target =
            make_target(item.plan, variables, options_.environment, user_name(request)))
        identity = target->identity + "\n" + target->url;
    const std::string key = fmt::format("{}\n{}\n{}", user_name(request), identity, item.plan.from);
    bool fresh = false;
    const Cache::Fill fill = [&](int fd, const Validators& known, const Cache::Grow& grow) {
        fresh = true;
        return fetch_remote(item, request, variables, fd, known, grow, cancelled);
    };
    for (;;) {
        fresh = false;
        item.cached = TEPUI_TRY(cache_->get(key, fill, cancelled));
        if (!item.cached || !item.plan.checksum) return {};
        const Result<void> right = check_digest(item.cached->fd(), *item.plan.checksum, cancelled);
        if (right) return {};
        // An old entry may be of an old version; a new one is what the server has.
        if (right.error().code != Errc::cancelled) cache_->forget(*item.cached);
        item.cached.reset();
        if (fresh || right.error().code != Errc::corrupt) return right;
    }
}

Result<Cache::Filled> Fetcher::fetch_remote(const Item& item, const FetchRequest& request,
                                            const Variables& variables, int fd,
                                            const Validators& known, const Cache::Grow& grow,
                                            const std::atomic<bool>& cancelled) {
    if (item.plan.source == Source::hadoop || item.plan.source == Source::hdfs) {
        if (const auto client = find_hadoop(options_.own.hadoop_home, options_.environment)) {
            TEPUI_CHECK_OK(fetch_by_hadoop(item, request, *client, fd, cancelled));
            return Cache::Filled{};
        }
    }
    const Target target =
        TEPUI_TRY(make_target(item.plan, variables, options_.environment, user_name(request)));
    const DownloadContext context{options_.limits, counters_, cancelled,
                                  [this](const std::string& text) { log(text); }};
    const Downloaded done = TEPUI_TRY(download(target, item.shown, fd, known, context, grow));
    return Cache::Filled{done.not_modified, done.validators};
}

Result<void> Fetcher::fetch_by_hadoop(const Item& item, const FetchRequest& request,
                                      const std::string& client, int fd,
                                      const std::atomic<bool>& cancelled) {
    const Temporary directory(TEPUI_TRY(cache_->make_temporary()));
    HadoopCopy copy;
    copy.client = client;
    copy.environment = options_.environment;
    copy.user = user_name(request);
    copy.uri = item.plan.from;
    copy.to = directory.path + "/file";
    copy.stall_timeout = options_.limits.stall_timeout;
    copy.bytes_max = options_.limits.bytes_max;
    TEPUI_CHECK_OK(hadoop_copy(copy, cancelled));
    const Descriptor source = TEPUI_TRY(open_local(copy.to));
    return copy_file(source.get(), fd, options_.limits.bytes_max, &counters_, cancelled);
}

}  // namespace tepui::containerizer::fetcher
