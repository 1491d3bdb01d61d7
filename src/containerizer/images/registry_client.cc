#include "containerizer/images/registry_client.h"

#include <algorithm>
#include <condition_variable>

#include "containerizer/images/challenge.h"
#include "containerizer/images/digest.h"
#include "containerizer/images/json.h"
#include "wire/base64.h"

namespace tepui::containerizer::images {
namespace {

constexpr int k_redirects_max = 10;
constexpr std::size_t k_manifest_bytes_max = std::size_t{4} << 20;
constexpr std::size_t k_config_bytes_max = std::size_t{8} << 20;
constexpr std::size_t k_token_bytes_max = std::size_t{256} << 10;
constexpr std::size_t k_error_bytes_max = std::size_t{8} << 10;
constexpr std::size_t k_error_text_max = 300;
// What an attempt must bring so that those before it are forgotten.
constexpr std::uint64_t k_gain_bytes = std::uint64_t{1} << 20;

bool is_success(long status) { return status >= 200 && status < 300; }

bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What the registry says of its refusal, fit for a line.
std::string reason_in(const std::string& body) {
    std::string reason;
    const Result<Json> parsed = Json::parse(body);
    simdjson::dom::array errors;
    if (parsed && parsed->root().is_object() &&
        parsed->root()["errors"].get(errors) == simdjson::SUCCESS)
        for (const simdjson::dom::element each : errors) {
            const std::string text = text_at(each, "message");
            if (!text.empty()) reason += (reason.empty() ? "" : "; ") + text;
        }
    if (reason.size() > k_error_text_max) reason.resize(k_error_text_max);
    for (char& c : reason)
        if (static_cast<unsigned char>(c) < ' ') c = ' ';
    return reason.empty() ? "" : " (" + reason + ")";
}

std::unexpected<Error> refusal(long status, const std::string& what, const std::string& body) {
    const std::string reason = reason_in(body);
    switch (status) {
        case 401:
            return fail(Errc::unauthenticated,
                        "the registry wants to know who asks for {}, or it does not exist{}; give "
                        "credentials by --docker_config or the image's config",
                        what, reason);
        case 403: return fail(Errc::denied, "the registry does not allow {}{}", what, reason);
        case 404: return fail(Errc::not_found, "the registry has no {}{}", what, reason);
        case 429:
            return fail(Errc::unavailable, "the registry limits how often it is asked for {}{}",
                        what, reason);
        default:
            return fail(Errc::unavailable, "the registry answered {} for {}{}", status, what,
                        reason);
    }
}

HttpSink collect(std::string& into, std::size_t bytes_max) {
    return [&into, bytes_max](const HttpHead& head, std::string_view bytes) -> Result<void> {
        const std::size_t most = is_success(head.status) ? bytes_max : k_error_bytes_max;
        if (into.size() + bytes.size() <= most) {
            into += bytes;
            return {};
        }
        if (!is_success(head.status)) return {};  // An error's page: its beginning does.
        return fail(Errc::too_large, "the answer has more than {} bytes", bytes_max);
    };
}

std::optional<Duration> retry_after_of(const HttpHead& head) {
    return parse_retry_after(head.header("retry-after"), std::chrono::system_clock::now());
}

}  // namespace

bool wait_unless_cancelled(Duration pause, const std::atomic<bool>& cancelled) {
    constexpr Duration step = 50ms;
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable never;
    const auto end = std::chrono::steady_clock::now() + pause;
    while (!cancelled.load()) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= end) return true;
        never.wait_for(lock, std::min<Duration>(step, end - now));
    }
    return false;
}

bool may_be_plain(const std::string& registry, const ImageOptions& options) {
    const auto listed = [&options](const std::string& name) {
        return std::ranges::find(options.insecure_registries, name) !=
               options.insecure_registries.end();
    };
    if (listed(registry)) return true;
    const std::string host = registry.starts_with('[') ? registry.substr(0, registry.find(']') + 1)
                                                       : registry.substr(0, registry.find(':'));
    if (listed(host)) return true;
    if (host == "localhost" || host == "[::1]") return true;
    // 127.0.0.0/8, and no name that begins like it.
    return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

RegistryClient::RegistryClient(const ImageName& name, std::string scheme, RegistryLogin login,
                               const ImageOptions& options)
    : host_(name.registry == "docker.io" ? "registry-1.docker.io" : name.registry),
      repository_(name.repository),
      login_(std::move(login)),
      options_(options),
      scheme_(std::move(scheme)) {
    if (scheme_.empty() && !may_be_plain(host_, options_)) scheme_ = "https";
    if (!login_.registry_token.empty()) authorization_ = "Bearer " + login_.registry_token;
}

std::string RegistryClient::base() const {
    const std::lock_guard lock(mutex_);
    return (scheme_.empty() ? "https" : scheme_) + "://" + host_;
}

std::string RegistryClient::authorization() const {
    const std::lock_guard lock(mutex_);
    return authorization_;
}

/// Follows redirects; who asks is told to the registry alone.
Result<HttpHead> RegistryClient::send_once(HttpSession& session, const std::string& path,
                                           const std::vector<std::string>& headers,
                                           const HttpSink& sink,
                                           const std::atomic<bool>& cancelled) {
    const std::string home = base();
    const std::string shown = authorization();
    HttpRequest request;
    request.url = home + path;
    // The body of a redirect means nothing.
    const HttpSink final_only = [&sink](const HttpHead& head, std::string_view bytes) {
        return is_redirect(head.status) ? Result<void>{} : sink(head, bytes);
    };
    for (int hop = 0; hop <= k_redirects_max; ++hop) {
        request.headers = headers;
        if (!shown.empty() && origin_of(request.url) == origin_of(home))
            request.headers.push_back("Authorization: " + shown);
        const HttpHead head = TEPUI_TRY(session.perform(request, final_only, cancelled));
        if (!is_redirect(head.status)) return head;
        const std::string next = resolve_url(request.url, head.header("location"));
        if (next.empty()) return fail(Errc::corrupt, "the registry redirects to no URL");
        if (request.url.starts_with("https://") && !next.starts_with("https://"))
            return fail(Errc::denied, "the registry redirects from HTTPS to what is not");
        request.url = next;
    }
    return fail(Errc::unavailable, "the registry redirects more than {} times", k_redirects_max);
}

/// One attempt: finds out how the registry speaks, and answers it when it asks who we are.
Result<HttpHead> RegistryClient::send_authorized(HttpSession& session, const std::string& path,
                                                 const std::vector<std::string>& headers,
                                                 const HttpSink& sink,
                                                 const std::atomic<bool>& cancelled) {
    for (int round = 0;; ++round) {
        const std::string shown = authorization();
        std::string refused;
        // A refusal's body is not the caller's until there is nothing left to answer it with.
        const HttpSink guarded = [&](const HttpHead& head, std::string_view bytes) -> Result<void> {
            if (head.status != 401) return sink(head, bytes);
            if (refused.size() + bytes.size() <= k_error_bytes_max) refused += bytes;
            return {};
        };
        Result<HttpHead> head = send_once(session, path, headers, guarded, cancelled);
        bool unknown = false;
        {
            const std::lock_guard lock(mutex_);
            unknown = scheme_.empty();
            if (unknown && head) scheme_ = "https";
            if (unknown && !head && head.error().code == Errc::unsupported) scheme_ = "http";
        }
        if (unknown && !head && head.error().code == Errc::unsupported) continue;
        if (!head || head->status != 401) return head;
        // Another thread may have got a token since; a token may have ended meanwhile.
        if (round < 3 && authorization() != shown) continue;
        if (round >= 2) {
            TEPUI_CHECK_OK(sink(*head, refused));
            return head;
        }
        TEPUI_CHECK_OK(answer_challenge(session, *head, shown, cancelled));
        if (authorization() == shown) {
            TEPUI_CHECK_OK(sink(*head, refused));
            return head;
        }
    }
}

Result<void> RegistryClient::answer_challenge(HttpSession& session, const HttpHead& head,
                                              const std::string& refused,
                                              const std::atomic<bool>& cancelled) {
    for (const Challenge& challenge : parse_challenges(head.header("www-authenticate"))) {
        std::string answer;
        if (challenge.scheme == "bearer") {
            answer = "Bearer " + TEPUI_TRY(fetch_token(session, challenge.parameters, cancelled));
        } else if (challenge.scheme == "basic" && !login_.user.empty()) {
            answer = "Basic ";
            wire::append_base64(answer, login_.user + ":" + login_.password);
        } else {
            continue;
        }
        if (answer == refused) continue;
        const std::lock_guard lock(mutex_);
        authorization_ = answer;
        return {};
    }
    return {};
}

Result<std::string> RegistryClient::fetch_token(
    HttpSession& session, const std::map<std::string, std::string>& parameters,
    const std::atomic<bool>& cancelled) {
    const auto parameter = [&](const char* name) {
        const auto found = parameters.find(name);
        return found == parameters.end() ? std::string() : found->second;
    };
    const std::string realm = parameter("realm");
    const std::string origin = origin_of(realm);
    const bool plain = origin.starts_with("http://");
    if (origin.empty() || (!plain && !origin.starts_with("https://")))
        return fail(Errc::corrupt, "the registry names no token service");
    const std::string host = origin.substr(origin.find("://") + 3);
    if (plain && !base().starts_with("http://") && !may_be_plain(host, options_))
        return fail(Errc::denied, "the registry's token service '{}' is not HTTPS", origin);
    std::string scope = parameter("scope");
    if (scope.empty()) scope = "repository:" + repository_ + ":pull";
    HttpRequest request;
    std::string query =
        "service=" + url_escape(parameter("service")) + "&scope=" + url_escape(scope);
    if (!login_.identity_token.empty()) {
        request.method = "POST";
        request.url = realm;
        request.body = "grant_type=refresh_token&client_id=tepui&" + query +
                       "&refresh_token=" + url_escape(login_.identity_token);
    } else {
        request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") + query;
        if (!login_.user.empty()) request.url += "&account=" + url_escape(login_.user);
        request.user = login_.user;
        request.password = login_.password;
    }
    std::string body;
    const Result<HttpHead> head =
        session.perform(request, collect(body, k_token_bytes_max), cancelled);
    if (!head) return fail_with("the token service '" + origin + "'", head.error());
    if (!is_success(head->status)) {
        if (is_worth_retrying(head->status))
            return fail(Errc::unavailable, "the token service '{}' answered {}", origin,
                        head->status);
        return refusal(head->status == 400 ? 401 : head->status, "'" + repository_ + "'", body);
    }
    const Result<Json> parsed = Json::parse(body);
    std::string token;
    if (parsed && parsed->root().is_object()) {
        token = text_at(parsed->root(), "token");
        if (token.empty()) token = text_at(parsed->root(), "access_token");
    }
    if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
        return fail(Errc::corrupt, "the token service '{}' gave no token", origin);
    return token;
}

/// Until it succeeds, fails for good, or was tried often enough.
Result<HttpHead> RegistryClient::send(HttpSession& session, const std::string& path,
                                      const std::vector<std::string>& headers, std::string& body,
                                      std::size_t bytes_max, const std::atomic<bool>& cancelled) {
    const HttpSink sink = collect(body, bytes_max);
    for (unsigned attempt = 1;; ++attempt) {
        body.clear();
        Result<HttpHead> head = send_authorized(session, path, headers, sink, cancelled);
        const bool again =
            head ? is_worth_retrying(head->status) : head.error().code == Errc::unavailable;
        if (!again || attempt >= options_.attempts_max) return head;
        const Duration pause =
            pause_before_retry(attempt, head ? retry_after_of(*head) : std::nullopt,
                               options_.backoff_min, options_.backoff_max);
        if (options_.log)
            options_.log(
                fmt::format("registry {}: {}; trying again in {}", host_,
                            head ? fmt::format("answered {}", head->status) : head.error().text,
                            format_duration(pause)));
        if (!wait_unless_cancelled(pause, cancelled))
            return fail(Errc::cancelled, "the pull was cancelled");
    }
}

Result<Document> RegistryClient::manifest(HttpSession& session, const std::string& reference,
                                          const std::atomic<bool>& cancelled) {
    Document document;
    const std::string what = "manifest '" + reference + "' of '" + repository_ + "'";
    const HttpHead head = TEPUI_TRY(send(session, "/v2/" + repository_ + "/manifests/" + reference,
                                         {std::string("Accept: ") + k_manifest_types},
                                         document.json, k_manifest_bytes_max, cancelled));
    if (!is_success(head.status)) return refusal(head.status, what, document.json);
    document.digest = digest_of(document.json);
    document.media_type = head.header("content-type");
    document.media_type.resize(std::min(document.media_type.find(';'), document.media_type.size()));
    std::string promised = is_digest(reference) ? reference : head.header("docker-content-digest");
    if (is_digest(promised) && promised != document.digest)
        return fail(Errc::corrupt, "the {} has the digest {} and not {}", what, document.digest,
                    promised);
    return document;
}

Result<std::string> RegistryClient::small_blob(HttpSession& session, const BlobRef& ref,
                                               const std::atomic<bool>& cancelled) {
    if (ref.size > k_config_bytes_max)
        return fail(Errc::too_large, "the configuration {} has {} bytes", ref.digest, ref.size);
    std::string bytes;
    const BlobSink sink = [&bytes](std::string_view more) -> Result<void> {
        bytes += more;
        return {};
    };
    TEPUI_CHECK_OK(blob(session, ref, sink, cancelled));
    if (digest_of(bytes) != ref.digest)
        return fail(Errc::corrupt, "the configuration has the digest {} and not {}",
                    digest_of(bytes), ref.digest);
    return bytes;
}

Result<void> RegistryClient::blob(HttpSession& session, const BlobRef& ref, const BlobSink& sink,
                                  const std::atomic<bool>& cancelled) {
    const std::string path = "/v2/" + repository_ + "/blobs/" + ref.digest;
    const std::string what = "blob " + ref.digest + " of '" + repository_ + "'";
    std::uint64_t have = 0;
    for (unsigned attempt = 1;; ++attempt) {
        const std::uint64_t before = have;
        std::uint64_t skip = 0;
        std::string refused;
        bool begun = false;
        const HttpSink take = [&](const HttpHead& head, std::string_view bytes) -> Result<void> {
            if (!is_success(head.status)) {
                if (refused.size() < k_error_bytes_max) refused += bytes;
                return {};
            }
            if (!begun) {  // A server may ignore the range, and begin at the beginning.
                begun = true;
                const std::string range = fmt::format("bytes {}-", have);
                if (head.status == 206 && !head.header("content-range").starts_with(range))
                    return fail(Errc::corrupt, "the registry sends another part of the {}", what);
                skip = head.status == 206 ? 0 : have;
            }
            const std::size_t known = std::min<std::uint64_t>(skip, bytes.size());
            skip -= known;
            bytes.remove_prefix(known);
            if (bytes.size() > ref.size - have)
                return fail(Errc::corrupt, "the {} has more than its {} bytes", what, ref.size);
            have += bytes.size();
            return sink(bytes);
        };
        std::vector<std::string> headers;
        if (have > 0) headers.push_back(fmt::format("Range: bytes={}-", have));
        const Result<HttpHead> head = send_authorized(session, path, headers, take, cancelled);
        if (head && is_success(head->status) && have == ref.size) return {};
        const bool short_answer = head && is_success(head->status);
        if (!head && head.error().code != Errc::unavailable) return std::unexpected(head.error());
        if (head && !short_answer && !is_worth_retrying(head->status))
            return refusal(head->status, what, refused);
        if (have - before >= k_gain_bytes) attempt = 1;
        const std::string why = !head ? head.error().text
                                : short_answer
                                    ? fmt::format("only {} of {} bytes came", have, ref.size)
                                    : fmt::format("answered {}", head->status);
        if (attempt >= options_.attempts_max) {
            if (short_answer) return fail(Errc::corrupt, "the {}: {}", what, why);
            if (head) return refusal(head->status, what, refused);
            return fail_with("the " + what, head.error());
        }
        const Duration pause =
            pause_before_retry(attempt, head ? retry_after_of(*head) : std::nullopt,
                               options_.backoff_min, options_.backoff_max);
        if (options_.log)
            options_.log(fmt::format("registry {}: {}: {}; trying again in {}", host_, what, why,
                                     format_duration(pause)));
        if (!wait_unless_cancelled(pause, cancelled))
            return fail(Errc::cancelled, "the pull was cancelled");
    }
}

}  // namespace tepui::containerizer::images
