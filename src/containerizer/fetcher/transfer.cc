#include "containerizer/fetcher/transfer.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>

#include "containerizer/descriptor.h"
#include "containerizer/fetcher/retry.h"
#include "containerizer/link_local.h"
#include "containerizer/unpack/output.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr long k_redirects_max = 10;
constexpr std::size_t k_error_body_max = 4096;

using Curl = std::unique_ptr<CURL, void (*)(CURL*)>;
using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

struct Transfer {
    CURL* curl;
    Source source;
    Sink& sink;
    const TransferLimits& limits;
    const std::atomic<bool>& cancelled;
    Counters& counters;
    const OnProgress& progress;
    std::uint64_t resumed_at = 0;  // 0: from the beginning.
    bool began = false;
    std::string content_range = {};
    Transferred result = {};
};

/// The first bytes of the final answer: they go on where we are, or begin anew.
Result<void> begin_body(Transfer& transfer) {
    transfer.began = true;
    const long status = transfer.result.status;
    if (transfer.resumed_at > 0 && status == 206) {
        if (content_range_begin(transfer.content_range) != transfer.resumed_at)
            return fail(Errc::io, "the server went on elsewhere than it was asked to");
        return {};
    }
    if (status == 206) return fail(Errc::io, "the server gave a part only");
    TEPUI_CHECK_OK(transfer.sink.restart());
    const std::string& etag = transfer.result.validators.etag;
    if (is_strong_etag(etag)) transfer.sink.etag = etag;
    return {};
}

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* opaque) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    const std::size_t got = size * count;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.result.status);
    if (transfer.source != Source::ftp && transfer.result.status >= 300) {
        std::string& body = transfer.result.error_body;
        body.append(bytes,
                    std::min(got, k_error_body_max - std::min(k_error_body_max, body.size())));
        return got;
    }
    Result<void> done = transfer.began ? Result<void>() : begin_body(transfer);
    if (done) done = transfer.sink.write(bytes, got);
    if (done) {
        transfer.counters.bytes += got;
        return got;
    }
    transfer.result.error = done.error();
    return 0;
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* opaque) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    const std::string_view line(bytes, size * count);
    if (transfer.source == Source::ftp) return line.size();
    if (is_status_line(line)) {  // Of the next answer, after a redirect.
        transfer.result.validators = {};
        transfer.result.retry_after.reset();
        transfer.content_range.clear();
    }
    Validators& validators = transfer.result.validators;
    if (auto etag = header_value(line, "etag")) validators.etag = *etag;
    if (auto modified = header_value(line, "last-modified")) validators.last_modified = *modified;
    if (auto range = header_value(line, "content-range")) transfer.content_range = *range;
    if (auto after = header_value(line, "retry-after"))
        transfer.result.retry_after = parse_retry_after(*after);
    return line.size();
}

int on_progress(void* opaque, curl_off_t expected, curl_off_t, curl_off_t, curl_off_t) {
    const Transfer& transfer = *static_cast<Transfer*>(opaque);
    if (transfer.cancelled.load()) return 1;
    if (transfer.progress && transfer.began)
        transfer.progress(
            transfer.sink.bytes,
            expected > 0 ? transfer.resumed_at + static_cast<std::uint64_t>(expected) : 0);
    return 0;
}

/// After resolution and for every redirect: what a name resolves to is checked, not the name.
curl_socket_t on_socket(void* opaque, curlsocktype, curl_sockaddr* address) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    if (!transfer.limits.link_local && is_link_local(*address)) {
        transfer.result.error = {Errc::denied, "link-local addresses are not fetched from"};
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_callbacks(Transfer& transfer) {
    CURL* curl = transfer.curl;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
}

void set_options(CURL* curl, const Target& target, const TransferLimits& limits) {
    const long stall_s = std::max<long>(1, static_cast<long>(seconds(limits.stall_timeout)));
    curl_easy_setopt(curl, CURLOPT_URL, target.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, target.protocols.c_str());
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, k_redirects_max);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tepui");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, stall_s);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.bytes_max));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_s);
    // The name of a file in a store may well look like "..".
    const bool as_is = target.source != Source::http && target.source != Source::ftp;
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, as_is ? 1L : 0L);
    if (const char* authorities = std::getenv("SSL_CERT_FILE"); authorities != nullptr)
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
    if (target.sigv4.empty()) return;
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, target.sigv4.c_str());
    curl_easy_setopt(curl, CURLOPT_USERNAME, target.username.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, target.password.c_str());
}

/// The request's own headers: the target's, the condition, the part that is missing.
Headers make_headers(const Target& target, const Validators& known, Transfer& transfer) {
    curl_slist* list = nullptr;
    const auto add = [&](const std::string& line) {
        if (curl_slist* longer = curl_slist_append(list, line.c_str()); longer != nullptr)
            list = longer;
    };
    for (const std::string& line : target.headers) add(line);
    if (transfer.source == Source::ftp) return {list, curl_slist_free_all};
    if (!known.etag.empty())
        add("If-None-Match: " + known.etag);
    else if (!known.last_modified.empty())
        add("If-Modified-Since: " + known.last_modified);
    Sink& sink = transfer.sink;
    if (sink.bytes > 0 && !sink.etag.empty()) {
        transfer.resumed_at = sink.bytes;
        add("If-Range: " + sink.etag);
        curl_easy_setopt(transfer.curl, CURLOPT_RANGE, fmt::format("{}-", sink.bytes).c_str());
    }
    return {list, curl_slist_free_all};
}

}  // namespace

Result<void> Sink::write(const char* data, std::size_t count) {
    if (count > bytes_max || bytes > bytes_max - count)
        return fail(Errc::too_large, "it is larger than the agent allows ({} bytes)", bytes_max);
    if (grow) TEPUI_CHECK_OK(grow(bytes + count));
    TEPUI_CHECK_OK(unpack::write_all(fd, data, count));
    bytes += count;
    return {};
}

Result<void> Sink::restart() {
    etag.clear();
    if (bytes == 0) return {};
    if (::ftruncate(fd, 0) != 0 || ::lseek(fd, 0, SEEK_SET) != 0)
        return fail(Errc::io, "cannot begin anew: {}", errno_text());
    bytes = 0;
    return {};
}

Transferred transfer(const Target& target, Sink& sink, const Validators& known,
                     const TransferLimits& limits, const std::atomic<bool>& cancelled,
                     Counters& counters, const OnProgress& progress) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    const Curl curl(curl_easy_init(), curl_easy_cleanup);
    Transfer state{curl.get(), target.source, sink, limits, cancelled, counters, progress};
    if (!curl) {
        state.result.error = {Errc::io, "libcurl cannot start"};
        return std::move(state.result);
    }
    char text[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, text);
    set_options(curl.get(), target, limits);
    set_callbacks(state);
    const Headers headers = make_headers(target, known, state);
    if (headers) curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    state.result.code = code;
    state.result.text = text[0] != 0 ? text : curl_easy_strerror(code);
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &state.result.status);
    if (cancelled.load()) state.result.error = {Errc::cancelled, "the launch was cancelled"};
    // An empty file has no first byte; what an earlier attempt left must not stay.
    if (code == CURLE_OK && !state.began && state.result.status / 100 == 2)
        if (const Result<void> began = begin_body(state); !began)
            state.result.error = began.error();
    return std::move(state.result);
}

}  // namespace tepui::containerizer::fetcher
