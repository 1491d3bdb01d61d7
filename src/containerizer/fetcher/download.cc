#include "containerizer/fetcher/download.h"

#include <curl/curl.h>

#include <chrono>
#include <random>
#include <thread>

#include "containerizer/fetcher/retry.h"

namespace tepui::containerizer::fetcher {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration k_progress_every = 10s;
constexpr Duration k_look_every = 50ms;

double jitter() {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return std::uniform_real_distribution<>(0, 1)(generator);
}

/// Says every ten seconds how far it is.
class Progress {
public:
    Progress(std::string shown, const DownloadContext& context)
        : shown_(std::move(shown)), context_(context), begun_(Clock::now()), said_(begun_) {}

    void operator()(std::uint64_t bytes, std::uint64_t expected) {
        const auto now = Clock::now();
        if (now - said_ < k_progress_every || !context_.log) return;
        said_ = now;
        const double rate = static_cast<double>(bytes) / seconds(now - begun_);
        context_.log(fmt::format("fetching '{}': {}{}, {}/s", shown_, format_bytes(bytes),
                                 expected > 0 ? " of " + format_bytes(expected) : "",
                                 format_bytes(static_cast<std::uint64_t>(rate))));
    }

private:
    std::string shown_;
    const DownloadContext& context_;
    Clock::time_point begun_;
    Clock::time_point said_;
};

Error status_error(const Target& target, const Transferred& result) {
    const std::string reason = error_reason(target.source, result.error_body);
    const bool denied = result.status == 401 || result.status == 403;
    Error error{denied                     ? Errc::denied
                : result.status == 404     ? Errc::not_found
                : result.status / 100 == 5 ? Errc::unavailable
                                           : Errc::io,
                fmt::format("the server answered {}", result.status)};
    if (!reason.empty()) error.text += ": " + reason;
    if (denied && target.source == Source::s3)
        error.text += target.sigv4.empty()
                          ? "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the task"
                          : "; check the AWS_* variables of the task and of the agent";
    return error;
}

/// Why it failed; nothing when it did not.
std::optional<Error> error_of(const Target& target, const Transferred& result, bool conditional,
                              const DownloadContext& context) {
    if (result.error) return result.error;
    if (result.code == CURLE_FILESIZE_EXCEEDED)
        return Error{Errc::too_large, fmt::format("it is larger than the agent allows ({} bytes)",
                                                  context.limits.bytes_max)};
    if (result.code == CURLE_OPERATION_TIMEDOUT)
        return Error{Errc::timeout, fmt::format("nothing came for {}",
                                                format_duration(context.limits.stall_timeout))};
    if (result.code == CURLE_REMOTE_FILE_NOT_FOUND)
        return Error{Errc::not_found, "the server has no such file"};
    if (result.code == CURLE_LOGIN_DENIED || result.code == CURLE_REMOTE_ACCESS_DENIED)
        return Error{Errc::denied, "the server denies access"};
    if (result.code != CURLE_OK) return Error{Errc::io, result.text};
    const bool same = conditional && result.status == 304;
    if (target.source != Source::ftp && result.status >= 300 && !same)
        return status_error(target, result);
    return std::nullopt;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
    if (bytes < 1'000) return fmt::format("{} B", bytes);
    if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
    if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
    return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

Result<void> wait_for(Duration time, const std::atomic<bool>& cancelled) {
    const auto end = Clock::now() + time;
    for (;;) {
        if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
        const auto now = Clock::now();
        if (now >= end) return {};
        std::this_thread::sleep_for(std::min<Duration>(end - now, k_look_every));
    }
}

Result<Downloaded> download(const Target& target, const std::string& shown, int fd,
                            const Validators& known, const DownloadContext& context,
                            std::function<Result<void>(std::uint64_t)> grow) {
    Sink sink{fd, 0, {}, context.limits.bytes_max, std::move(grow)};
    Progress progress(shown, context);
    for (int attempt = 1;; ++attempt) {
        const bool resumed = sink.bytes > 0 && !sink.etag.empty();
        const Transferred result = transfer(target, sink, known, context.limits, context.cancelled,
                                            context.counters, std::ref(progress));
        const std::optional<Error> error = error_of(target, result, known.any(), context);
        if (!error) return Downloaded{result.status == 304, result.validators, sink.bytes};
        // The part that is missing is not there: what is here was of something else.
        const bool wrong_part = resumed && result.status == 416;
        if (wrong_part) TEPUI_CHECK_OK(sink.restart());
        const bool again = !result.error && attempt < k_attempts_max &&
                           (wrong_part || is_transient(target.source, result.code, result.status));
        if (!again) {
            if (attempt == 1) return std::unexpected(*error);
            return fail(error->code, "{} (tried {} times)", error->text, attempt);
        }
        const Duration wait = back_off(attempt, result.retry_after, jitter());
        ++context.counters.retries;
        if (context.log)
            context.log(fmt::format("fetching '{}' failed after {}, again in {:.1f} s: {}", shown,
                                    format_bytes(sink.bytes), seconds(wait), error->text));
        TEPUI_CHECK_OK(wait_for(wait, context.cancelled));
    }
}

}  // namespace tepui::containerizer::fetcher
