#include "containerizer/fetcher/plan.h"

#include <algorithm>
#include <array>

#include "containerizer/beneath.h"

namespace tepui::containerizer::fetcher {
namespace {

// What is unpacked; .jar is left as it is.
constexpr std::array<std::string_view, 8> k_archives{".tar",     ".tgz", ".tar.gz", ".tbz2",
                                                     ".tar.bz2", ".txz", ".tar.xz", ".zip"};

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

Result<FetchPlan> plan_source(std::string_view value, const std::string& frameworks_home) {
    FetchPlan plan;
    const std::size_t colon = value.find("://");
    if (colon == std::string_view::npos) {
        plan.from = std::string(value);
        if (!value.starts_with('/')) {
            if (frameworks_home.empty())
                return fail(Errc::invalid_argument,
                            "it is a relative path, and the agent has no frameworks home");
            plan.from = frameworks_home + "/" + plan.from;
        }
        plan.output = last_part(value);
        return plan;
    }
    const std::string scheme = lower(value.substr(0, colon));
    const std::string_view rest = value.substr(colon + 3);
    const std::size_t slash = rest.find('/');
    if (scheme == "file") {
        if (slash != 0) return fail(Errc::invalid_argument, "a file URI needs an absolute path");
        plan.from = std::string(rest);
        plan.output = last_part(rest);
        return plan;
    }
    if (scheme != "http" && scheme != "https")
        return fail(Errc::unsupported, "scheme '{}' is not known; known are http, https and file",
                    scheme);
    if (slash == std::string_view::npos || slash + 1 == rest.size())
        return fail(Errc::invalid_argument, "its path names no file");
    plan.source = Source::http;
    plan.from = std::string(value);
    plan.output = last_part(rest.substr(slash));
    return plan;
}

}  // namespace

Result<FetchPlan> plan_fetch(const mesos::v1::CommandInfo::URI& uri,
                             const std::string& frameworks_home) {
    if (uri.value().empty() || uri.value().find('\0') != std::string::npos)
        return fail(Errc::invalid_argument, "the URI is empty or contains a NUL");
    FetchPlan plan = TEPUI_TRY(plan_source(uri.value(), frameworks_home));
    const bool unpack = uri.extract() && !uri.executable();
    if (unpack) plan.unpack = unpack_of(uri.has_output_file() ? uri.output_file() : plan.output);
    if (uri.has_output_file()) plan.output = uri.output_file();
    if (TEPUI_TRY(clean_path(plan.output)).empty())
        return fail(Errc::invalid_argument, "'{}' names no file in the sandbox", plan.output);
    plan.executable = uri.executable();
    return plan;
}

}  // namespace tepui::containerizer::fetcher
