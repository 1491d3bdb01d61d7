#include "containerizer/fetcher/plan.h"

#include <algorithm>
#include <array>

#include "containerizer/beneath.h"

namespace tepui::containerizer::fetcher {
namespace {

// What is unpacked; .jar is left as it is.
constexpr std::array<std::string_view, 10> k_archives{
    ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tzst", ".tar.zst", ".zip"};
constexpr std::size_t k_display_bytes_max = 512;

Unpack unpack_of(std::string_view name) {
    const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
    if (std::ranges::any_of(k_archives, ends)) return Unpack::archive;
    return name.ends_with(".gz") && name.size() > 3 ? Unpack::gzip : Unpack::no;
}

std::string last_part(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    const std::size_t slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return result;
}

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Takes `#sha256=...` off the end of `value`. Any other fragment is left where it is.
Result<std::optional<Checksum>> take_checksum(std::string& value) {
    const std::size_t mark = value.rfind("#sha");
    if (mark == std::string::npos) return std::nullopt;
    const std::string fragment = value.substr(mark + 1);
    const std::size_t equals = fragment.find('=');
    if (equals == std::string::npos) return std::nullopt;
    Checksum checksum{fragment.substr(0, equals), lower(fragment.substr(equals + 1))};
    std::size_t digits = 0;
    if (checksum.algorithm == "sha256") digits = 64;
    if (checksum.algorithm == "sha512") digits = 128;
    if (digits == 0)
        return fail(Errc::invalid_argument, "checksum '{}' is not known; give sha256 or sha512",
                    checksum.algorithm);
    if (checksum.hex.size() != digits || !is_hex(checksum.hex))
        return fail(Errc::invalid_argument, "its {} is not {} hexadecimal digits",
                    checksum.algorithm, digits);
    value.resize(mark);
    return checksum;
}

bool is_scheme(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    };
    return !text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
           std::ranges::all_of(text, fits);
}

Source source_of(std::string_view scheme) {
    if (scheme == "http" || scheme == "https") return Source::http;
    if (scheme == "ftp" || scheme == "ftps") return Source::ftp;
    if (scheme == "s3") return Source::s3;
    if (scheme == "hdfs") return Source::hdfs;
    if (scheme == "webhdfs" || scheme == "swebhdfs") return Source::webhdfs;
    return Source::hadoop;
}

Result<FetchPlan> plan_path(const std::string& path, const std::string& frameworks_home) {
    FetchPlan plan;
    plan.from = path;
    if (!path.starts_with('/')) {
        if (frameworks_home.empty())
            return fail(Errc::invalid_argument,
                        "it is a relative path, and the agent has no --frameworks_home");
        plan.from = frameworks_home + "/" + path;
    }
    plan.output = last_part(path);
    return plan;
}

Result<FetchPlan> plan_source(const std::string& value, const std::string& frameworks_home) {
    if (value.find("://") == std::string::npos) return plan_path(value, frameworks_home);
    const UriParts parts = TEPUI_TRY(split_uri(value));
    if (parts.scheme == "file") {
        if (!parts.authority.empty() && lower(parts.authority) != "localhost")
            return fail(Errc::invalid_argument,
                        "a file URI names a file of this machine: file:///PATH");
        return plan_path(parts.path, frameworks_home);
    }
    // The hadoop client would read files of this machine for them, with the agent's rights.
    if (parts.scheme == "har" || parts.scheme == "local" || parts.scheme == "viewfs")
        return fail(Errc::unsupported, "scheme '{}' is not fetched", parts.scheme);
    FetchPlan plan;
    plan.source = source_of(parts.scheme);
    plan.from = value;
    plan.output = last_part(parts.path);
    if (parts.path.ends_with('/') || plan.output.empty())
        return fail(Errc::invalid_argument, "its path names no file");
    if (plan.source == Source::s3 && parts.authority.find('@') != std::string::npos)
        return fail(Errc::invalid_argument,
                    "S3 credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    return plan;
}

}  // namespace

Result<UriParts> split_uri(const std::string& uri) {
    const std::size_t colon = uri.find("://");
    if (colon == std::string::npos) return fail(Errc::invalid_argument, "it has no scheme");
    UriParts parts;
    parts.scheme = lower(std::string_view(uri).substr(0, colon));
    if (!is_scheme(parts.scheme))
        return fail(Errc::invalid_argument, "'{}' is no scheme", uri.substr(0, colon));
    const std::size_t slash = uri.find_first_of("/?#", colon + 3);
    if (slash == std::string::npos || uri[slash] != '/')
        return fail(Errc::invalid_argument, "its path names no file");
    parts.authority = uri.substr(colon + 3, slash - colon - 3);
    if (parts.authority.empty() && parts.scheme != "file" &&
        source_of(parts.scheme) != Source::hadoop && source_of(parts.scheme) != Source::hdfs)
        return fail(Errc::invalid_argument, "it names no host");
    parts.path = uri.substr(slash);
    return parts;
}

Result<FetchPlan> plan_fetch(const mesos::v1::CommandInfo::URI& uri,
                             const std::string& frameworks_home) {
    std::string value = uri.value();
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (value.empty() || std::ranges::any_of(value, control))
        return fail(Errc::invalid_argument, "the URI is empty or contains control characters");
    const std::optional<Checksum> checksum = TEPUI_TRY(take_checksum(value));
    FetchPlan plan = TEPUI_TRY(plan_source(value, frameworks_home));
    plan.checksum = checksum;
    const bool unpack = uri.extract() && !uri.executable();
    if (unpack) plan.unpack = unpack_of(uri.has_output_file() ? uri.output_file() : plan.output);
    if (uri.has_output_file()) plan.output = uri.output_file();
    if (TEPUI_TRY(clean_path(plan.output)).empty() || plan.output.ends_with('/'))
        return fail(Errc::invalid_argument, "'{}' names no file in the sandbox", plan.output);
    plan.executable = uri.executable();
    plan.cache = uri.cache() && plan.source != Source::local_file;
    return plan;
}

std::string display_uri(const std::string& uri) {
    std::string shown = uri;
    if (const std::size_t colon = shown.find("://"); colon != std::string::npos) {
        if (const std::size_t query = shown.find('?', colon); query != std::string::npos)
            shown = shown.substr(0, query) + "?...";
        const std::size_t begin = colon + 3;
        const std::size_t slash = std::min(shown.find('/', begin), shown.size());
        const std::size_t at = shown.rfind('@', slash);
        if (at != std::string::npos && at >= begin && at < slash)
            shown.erase(begin, at + 1 - begin);
    }
    std::ranges::replace_if(
        shown, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    if (shown.size() > k_display_bytes_max) shown = shown.substr(0, k_display_bytes_max) + "...";
    return shown;
}

}  // namespace tepui::containerizer::fetcher
