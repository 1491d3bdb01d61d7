#include "containerizer/fetcher/download.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <mutex>

#include "containerizer/descriptor.h"
#include "containerizer/fetcher/output.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr long k_redirects_max = 10;

struct Transfer {
    int fd;
    Budget budget;
    const std::atomic<bool>& cancelled;
    bool link_local_allowed;
    Error error;  // Of ours, when `failed`.
    bool failed = false;
};

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* opaque) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    Result<void> done = transfer.budget.take(size * count);
    if (done) done = write_all(transfer.fd, bytes, size * count);
    if (done) return size * count;
    transfer.failed = true;
    transfer.error = done.error();
    return 0;
}

int on_progress(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(opaque)->cancelled.load() ? 1 : 0;
}

bool is_link_local(const curl_sockaddr& address) {
    if (address.family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.addr);
        return (ntohl(v4.sin_addr.s_addr) >> 16) == 0xA9FE;  // 169.254.0.0/16
    }
    if (address.family != AF_INET6) return false;
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address.addr).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 169 && v6.s6_addr[13] == 254;
    return IN6_IS_ADDR_LINKLOCAL(&v6) != 0;
}

/// After resolution and for every redirect: what a name resolves to is checked, not the name.
curl_socket_t on_socket(void* opaque, curlsocktype, curl_sockaddr* address) {
    Transfer& transfer = *static_cast<Transfer*>(opaque);
    if (!transfer.link_local_allowed && is_link_local(*address)) {
        transfer.failed = true;
        transfer.error = {Errc::denied, "link-local addresses are not fetched from"};
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_options(CURL* curl, const std::string& url, const FetchOptions& options,
                 Transfer& transfer) {
    const long stall_s = std::max<long>(1, static_cast<long>(seconds(options.stall_timeout)));
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, k_redirects_max);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, stall_s);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_s);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
}

}  // namespace

Result<void> download(const std::string& url, int fd, const FetchOptions& options,
                      const std::atomic<bool>& cancelled) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return fail(Errc::io, "libcurl cannot start");
    Transfer transfer{fd, {options.bytes_max}, cancelled, options.link_local, {}};
    char text[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, text);
    set_options(curl.get(), url, options, transfer);
    const CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_OK) return {};
    if (transfer.failed) return std::unexpected(transfer.error);
    if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail(Errc::timeout, "nothing came for {}", format_duration(options.stall_timeout));
    return fail(Errc::io, "{}", text[0] != 0 ? text : curl_easy_strerror(code));
}

}  // namespace tepui::containerizer::fetcher
