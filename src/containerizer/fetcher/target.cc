#include "containerizer/fetcher/target.h"

#include <algorithm>
#include <array>

namespace tepui::containerizer::fetcher {
namespace {

constexpr std::string_view k_namenode_port = "9870";
constexpr std::array<std::string_view, 2> k_rpc_ports{"8020", "9000"};
constexpr std::size_t k_reason_bytes_max = 300;
// S3 wants the digest of the body in each signed request; libcurl 7.88 tells none of its own for
// GET.
constexpr std::string_view k_sha256_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// As signatures of version 4 want paths: all but unreserved characters and slashes is escaped.
std::string escape(std::string_view text, bool keep_slashes) {
    std::string result;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~' ||
                           (c == '/' && keep_slashes);
        if (plain)
            result += c;
        else
            result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

std::string find(const Variables& variables, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const auto it = variables.find(name); it != variables.end() && !it->second.empty())
            return it->second;
    return {};
}

std::string endpoint_of(const Variables& variables) {
    return find(variables, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
}
std::string region_of(const Variables& variables) {
    return find(variables, {"AWS_REGION", "AWS_DEFAULT_REGION"});
}

/// A name that is safe in a URL's host and in a signature.
bool is_plain_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

void set_credentials(Target& target, const Variables& variables, const std::string& region) {
    target.username = find(variables, {"AWS_ACCESS_KEY_ID"});
    target.password = find(variables, {"AWS_SECRET_ACCESS_KEY"});
    if (target.username.empty() || target.password.empty()) {
        target.username.clear();
        target.password.clear();
        return;
    }
    target.sigv4 = "aws:amz:" + region + ":s3";
    target.identity = target.username;
    target.headers.push_back("x-amz-content-sha256: " + std::string(k_sha256_of_nothing));
    if (const std::string token = find(variables, {"AWS_SESSION_TOKEN"}); !token.empty())
        target.headers.push_back("x-amz-security-token: " + token);
}

Result<Target> s3_target(const UriParts& parts, const Variables& task, const Variables& agent) {
    Target target;
    target.source = Source::s3;
    target.protocols = "http,https";
    const std::string& bucket = parts.authority;
    if (!is_plain_name(bucket))
        return fail(Errc::invalid_argument, "'{}' is no name of a bucket", bucket);
    std::string region = region_of(task);
    if (region.empty()) region = region_of(agent);
    if (region.empty()) region = "us-east-1";
    if (!is_plain_name(region))
        return fail(Errc::invalid_argument, "AWS_REGION '{}' is no region", region);
    const std::string own_endpoint = endpoint_of(task);
    std::string endpoint = own_endpoint.empty() ? endpoint_of(agent) : own_endpoint;
    while (endpoint.ends_with('/')) endpoint.pop_back();
    if (!endpoint.empty() && !endpoint.starts_with("http://") && !endpoint.starts_with("https://"))
        return fail(Errc::invalid_argument, "AWS_ENDPOINT_URL must begin with http:// or https://");
    const std::string key = escape(parts.path, true);
    if (!endpoint.empty())
        target.url = endpoint + "/" + bucket + key;
    else if (bucket.find('.') == std::string::npos)
        target.url = fmt::format("https://{}.s3.{}.amazonaws.com{}", bucket, region, key);
    else  // Such a name fits no certificate of the service.
        target.url = fmt::format("https://s3.{}.amazonaws.com/{}{}", region, bucket, key);
    set_credentials(target, task, region);
    const bool same_endpoint = own_endpoint.empty() || own_endpoint == endpoint_of(agent);
    if (target.sigv4.empty() && same_endpoint) set_credentials(target, agent, region);
    return target;
}

Result<Target> webhdfs_target(const UriParts& parts, const std::string& user) {
    Target target;
    target.source = Source::webhdfs;
    target.protocols = "http,https";
    std::string host = parts.authority;
    if (const std::size_t at = host.rfind('@'); at != std::string::npos) host.erase(0, at + 1);
    if (host.empty())
        return fail(Errc::invalid_argument,
                    "it names no namenode, and there is no hadoop client that would know one");
    const std::size_t colon = host.find(':', host.rfind(']') + 1);
    const std::string port = colon == std::string::npos ? "" : host.substr(colon + 1);
    const bool rpc = port.empty() || (parts.scheme == "hdfs" &&
                                      std::ranges::find(k_rpc_ports, port) != k_rpc_ports.end());
    if (rpc) host = fmt::format("{}:{}", host.substr(0, colon), k_namenode_port);
    target.url =
        fmt::format("{}://{}/webhdfs/v1{}?op=OPEN", parts.scheme == "swebhdfs" ? "https" : "http",
                    host, escape(parts.path, true));
    if (!user.empty()) target.url += "&user.name=" + escape(user, false);
    target.identity = user;
    return target;
}

/// What is between the first `begin` and the `end` after it.
std::string between(const std::string& text, std::string_view begin, std::string_view end) {
    const std::size_t from = text.find(begin);
    if (from == std::string::npos) return {};
    const std::size_t to = text.find(end, from + begin.size());
    return to == std::string::npos ? ""
                                   : text.substr(from + begin.size(), to - from - begin.size());
}

}  // namespace

Result<Target> make_target(const FetchPlan& plan, const Variables& task, const Variables& agent,
                           const std::string& user) {
    if (plan.source == Source::http || plan.source == Source::ftp) {
        Target target;
        target.url = plan.from;
        target.source = plan.source;
        target.protocols = plan.source == Source::http ? "http,https" : "ftp,ftps";
        return target;
    }
    const UriParts parts = TEPUI_TRY(split_uri(plan.from));
    if (plan.source == Source::s3) return s3_target(parts, task, agent);
    if (plan.source == Source::hdfs || plan.source == Source::webhdfs)
        return webhdfs_target(parts, user);
    return fail(Errc::unsupported,
                "scheme '{}' needs a hadoop client, and there is none; set --hadoop_home",
                parts.scheme);
}

std::string error_reason(Source source, const std::string& body) {
    std::string reason;
    if (source == Source::s3) {
        reason = between(body, "<Code>", "</Code>");
        std::string message = between(body, "<Message>", "</Message>");
        if (const std::string inner = between(message, "<![CDATA[", "]]>"); !inner.empty())
            message = inner;
        if (!message.empty()) reason += (reason.empty() ? "" : ": ") + message;
    } else if (source == Source::webhdfs || source == Source::hdfs) {
        reason = between(body, "\"message\":\"", "\"");
        if (reason.empty()) reason = between(body, "\"message\": \"", "\"");
    }
    std::erase_if(reason, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (reason.size() > k_reason_bytes_max) reason.resize(k_reason_bytes_max);
    return reason;
}

}  // namespace tepui::containerizer::fetcher
