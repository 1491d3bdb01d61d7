#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tepui::containerizer::images {

struct HttpRequest {
    std::string method = "GET";  // Or HEAD or POST.
    std::string url;
    std::vector<std::string> headers;  // "Name: value".
    std::string body;                  // Of a POST.
    std::string user;                  // Basic authentication, with `password`; empty: none.
    std::string password;
};

/// Status and headers of an answer; names in lower case.
struct HttpHead {
    long status = 0;
    std::map<std::string, std::string> headers;
    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
};

/// Takes the body piece by piece, after the head is known. An error ends the transfer.
using HttpSink = std::function<Result<void>(const HttpHead&, std::string_view)>;

struct HttpLimits {
    Duration stall_timeout = 60s;
    bool link_local = false;
    /// Where HOST[:PORT]/ca.crt is what a server's certificate is checked against, when it is
    /// there. Source: Docker's place for the certificates of private registries.
    std::string certificates = "/etc/docker/certs.d";
};

/// One connection that is kept from request to request. For one thread at a time. Redirects are
/// answers like any other; nothing but http and https is spoken.
class HttpSession {
public:
    explicit HttpSession(HttpLimits limits);
    HttpSession(const HttpSession&) = delete;
    HttpSession& operator=(const HttpSession&) = delete;
    ~HttpSession();

    /// Blocks. Errors: those of `sink`; cancelled; denied (a link-local address, a certificate);
    /// unsupported (the other side does not speak TLS); unavailable (anything else of the network,
    /// also an answer that broke off).
    Result<HttpHead> perform(const HttpRequest& request, const HttpSink& sink,
                             const std::atomic<bool>& cancelled);

private:
    struct Curl;
    std::unique_ptr<Curl> curl_;
    const HttpLimits limits_;
};

/// `location` as seen from `base`; empty when it is no URL.
std::string resolve_url(const std::string& base, const std::string& location);

/// "scheme://host:port" of a URL, in lower case and with the default port; empty when it is none.
std::string origin_of(const std::string& url);

/// `text` as part of a query.
std::string url_escape(std::string_view text);

}  // namespace tepui::containerizer::images
