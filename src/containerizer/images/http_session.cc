#include "containerizer/images/http_session.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <optional>

#include "containerizer/link_local.h"

namespace tepui::containerizer::images {
namespace {

constexpr long k_buffer_bytes = 256 << 10;
constexpr std::size_t k_headers_max = 256;

struct Transfer {
    const HttpSink& sink;
    const std::atomic<bool>& cancelled;
    bool link_local_allowed;
    HttpHead head;
    CURL* curl = nullptr;
    std::optional<Error> error;  // Of ours.
};

/// After resolution: what a name resolves to is checked, not the name.
curl_socket_t on_socket(void* opaque, curlsocktype, curl_sockaddr* address) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    if (!transfer.link_local_allowed && is_link_local(*address)) {
        transfer.error = {Errc::denied, "link-local addresses are not pulled from"};
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* opaque) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    std::string_view line(bytes, size * count);
    if (line.starts_with("HTTP/")) {  // Also after "100 Continue".
        transfer.head = {};
        return size * count;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size * count;
    if (transfer.head.headers.size() == k_headers_max) return 0;
    std::string name(line.substr(0, colon));
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    line.remove_prefix(colon + 1);
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t end = line.find_last_not_of(" \t\r\n");
    std::string value(end == std::string_view::npos || end < begin
                          ? std::string_view{}
                          : line.substr(begin, end + 1 - begin));
    std::string& whole = transfer.head.headers[name];
    whole = whole.empty() ? value : whole + ", " + value;
    return size * count;
}

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* opaque) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.head.status);
    const Result<void> done = transfer.sink(transfer.head, {bytes, size * count});
    if (done) return size * count;
    transfer.error = done.error();
    return 0;
}

int on_progress(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(opaque)->cancelled.load() ? 1 : 0;
}

using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

using UrlHandle = std::unique_ptr<CURLU, void (*)(CURLU*)>;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return {};
    std::string copy(text);
    curl_free(text);
    return copy;
}

/// The file with the authority of the server's own; empty: those of the machine.
std::string authority_for(const std::string& url, const std::string& directory) {
    const std::string origin = origin_of(url);
    if (!origin.starts_with("https://") || directory.empty()) return {};
    const std::string place = origin.substr(std::string_view("https://").size());
    if (place.find('/') != std::string::npos || place.starts_with('.')) return {};
    for (const std::string& name : {place, place.substr(0, place.rfind(':'))}) {
        std::string path = directory + "/" + name + "/ca.crt";
        if (::access(path.c_str(), R_OK) == 0) return path;
    }
    return {};
}

}  // namespace

struct HttpSession::Curl {
    CURL* handle = nullptr;
    ~Curl() { curl_easy_cleanup(handle); }
};

HttpSession::HttpSession(HttpLimits limits) : curl_(std::make_unique<Curl>()), limits_(limits) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    curl_->handle = curl_easy_init();
}

HttpSession::~HttpSession() = default;

Result<HttpHead> HttpSession::perform(const HttpRequest& request, const HttpSink& sink,
                                      const std::atomic<bool>& cancelled) {
    CURL* const curl = curl_->handle;
    if (curl == nullptr) return fail(Errc::io, "libcurl cannot start");
    curl_easy_reset(curl);  // Keeps the connection.
    Transfer transfer{sink, cancelled, limits_.link_local, {}, curl, {}};
    char text[CURL_ERROR_SIZE] = "";
    Headers headers(nullptr, curl_slist_free_all);
    for (const std::string& each : request.headers)
        headers.reset(curl_slist_append(headers.release(), each.c_str()));
    const long stall_s = std::max<long>(
        1, std::chrono::duration_cast<std::chrono::seconds>(limits_.stall_timeout).count());
    const auto set = [curl](CURLoption option, auto value) {
        curl_easy_setopt(curl, option, value);
    };
    set(CURLOPT_ERRORBUFFER, text);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_USERAGENT, "tepui");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT, stall_s);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, stall_s);
    set(CURLOPT_BUFFERSIZE, k_buffer_bytes);
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, &transfer);
    set(CURLOPT_WRITEFUNCTION, on_bytes);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    set(CURLOPT_XFERINFODATA, &transfer);
    set(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    set(CURLOPT_OPENSOCKETDATA, &transfer);
    const std::string authority = authority_for(request.url, limits_.certificates);
    if (!authority.empty()) set(CURLOPT_CAINFO, authority.c_str());
    if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
    if (request.method == "POST") {
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        set(CURLOPT_COPYPOSTFIELDS, request.body.c_str());
    }
    if (!request.user.empty()) {
        set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(CURLOPT_USERNAME, request.user.c_str());
        set(CURLOPT_PASSWORD, request.password.c_str());
    }
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.head.status);
    if (code == CURLE_OK) return transfer.head;
    if (transfer.error) return std::unexpected(*transfer.error);
    if (cancelled.load()) return fail(Errc::cancelled, "the pull was cancelled");
    const std::string why = text[0] != 0 ? text : curl_easy_strerror(code);
    if (code == CURLE_SSL_CONNECT_ERROR) return fail(Errc::unsupported, "{}", why);
    // Another attempt would find the same certificate.
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return fail(Errc::denied, "its certificate is not trusted here: {}", why);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail(Errc::unavailable, "nothing came for {}",
                    format_duration(limits_.stall_timeout));
    return fail(Errc::unavailable, "{}", why);
}

std::string resolve_url(const std::string& base, const std::string& location) {
    const UrlHandle url(curl_url(), curl_url_cleanup);
    if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
        curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
        return {};
    return part_of(url.get(), CURLUPART_URL);
}

std::string origin_of(const std::string& text) {
    const UrlHandle url(curl_url(), curl_url_cleanup);
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return {};
    std::string origin = part_of(url.get(), CURLUPART_SCHEME) + "://" +
                         part_of(url.get(), CURLUPART_HOST) + ":" +
                         part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    for (char& c : origin)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return origin;
}

std::string url_escape(std::string_view text) {
    char* escaped = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
    if (escaped == nullptr) return {};
    std::string copy(escaped);
    curl_free(escaped);
    return copy;
}

}  // namespace tepui::containerizer::images
