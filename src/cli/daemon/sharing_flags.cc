// Source of the names: reference of Apache Mesos 1.12-dev, docs/configuration.
#include "cli/daemon/sharing_flags.h"

#include <charconv>
#include <filesystem>

#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"
#include "resources/resources.h"

namespace tepui::cli {

namespace {

using namespace std::chrono_literals;

constexpr Bytes regex_bytes_max = Bytes::megabytes(16);
constexpr std::uint64_t regex_program_max = 1'000'000;

std::set<std::string> parse_names(std::string_view text) {
    std::set<std::string> names;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        if (comma > 0) names.emplace(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return names;
}

Result<void> check_roles(std::string_view text) {
    for (const std::string& role : parse_names(text)) TEPUI_CHECK_OK(validate_role(role));
    return {};
}

Result<double> parse_factor(std::string_view text) {
    double factor = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
    if (error != std::errc{} || end != text.data() + text.size() || !(factor >= 0 && factor <= 1)) {
        return fail(Errc::invalid_argument, "'{}' is not a number from 0 to 1", text);
    }
    return factor;
}

Result<void> check_factor(std::string_view text) {
    TEPUI_CHECK_OK(parse_factor(text));
    return {};
}

Flag whitelist_flag() {
    Flag flag = daemon_flag(
        "Offers", "whitelist", "FILE", "",
        "A file of hostnames, one a line: only their agents are offered. It is read again every 5 "
        "seconds; offers that are out stay. Or the names themselves, with commas between them. "
        "Without it all agents are offered.",
        not_empty());
    flag.names_file = true;
    return flag;
}

Flag sorter_flag(std::string name, std::string help) {
    Flag flag = daemon_flag("Offers", std::move(name), "ORDER", "drf", std::move(help),
                            one_of({"drf", "random"}));
    flag.offers = {"drf", "random"};
    return flag;
}

/// "/path" and "file:///path" name a file; anything else is the list itself.
Result<void> read_whitelist(const std::string& value, master::MasterOptions& options) {
    constexpr std::string_view scheme = "file://";
    const std::string path = value.starts_with(scheme) ? value.substr(scheme.size()) : value;
    if (path.find('/') == std::string::npos) {
        if (value.starts_with(scheme))
            return fail(Errc::invalid_argument, "--whitelist: '{}' names no file", value);
        options.core.whitelist = parse_names(value);
        return {};
    }
    options.whitelist_file = std::filesystem::absolute(path).string();
    return {};
}

}  // namespace

std::vector<Flag> master_sharing_flags() {
    Flag role_sorter =
        sorter_flag("role_sorter",
                    "Which role is offered something first: drf, the one with the smallest share, "
                    "or random, by lot; both go by weights.");
    role_sorter.older_names = {"user_sorter"};
    return {
        whitelist_flag(),
        daemon_flag("Offers", "roles", "ROLE,...", "",
                    "The roles that frameworks, quotas and weights may name, besides *. Without "
                    "it any. Deprecated in Mesos: limits of quota do it at run time.",
                    check_roles),
        std::move(role_sorter),
        sorter_flag("framework_sorter",
                    "The same among the frameworks of a role, which have no weights."),
        daemon_flag("Offers", "fair_sharing_excluded_resource_names", "NAME,...", "",
                    "Resources that do not count for shares, as gpus when few agents have them.",
                    not_empty()),
        daemon_flag("Offers", "allocator_agent_recovery_factor", "NUMBER", "0.8",
                    "When roles have quota, nothing is offered after a failover until this share "
                    "of the agents is back, from 0 to 1.",
                    check_factor),
        daemon_flag("Offers", "allocator_recovery_timeout", "DURATION", "10mins",
                    "The longest wait for them.", duration_between(0s, Duration::max())),
        daemon_flag("Offers", "preemption_after", "DURATION", "10secs",
                    "How long a role of a higher priority band goes without what it is guaranteed, "
                    "or waits for, before others are asked to make room.",
                    duration_between(std::chrono::seconds{1}, Duration::max())),
        daemon_flag("Offers", "preemption_notice", "DURATION", "30secs",
                    "How long these have to make room themselves before tasks of them are ended.",
                    duration_between(0s, Duration::max())),
        daemon_flag("Limits", "offer_constraints_re2_max_mem", "BYTES", "4096B",
                    "What each regular expression in offer constraints may take of memory.",
                    bytes_between(Bytes{64}, regex_bytes_max)),
        daemon_flag("Limits", "offer_constraints_re2_max_program_size", "NUMBER", "100",
                    "How many steps its program may have.",
                    whole_number_between(1, regex_program_max)),
    };
}

Result<void> read_master_sharing(const Parsed& parsed, master::MasterOptions& options) {
    master::CoreConfig& core = options.core;
    if (parsed.given("whitelist")) {
        TEPUI_CHECK_OK(read_whitelist(parsed.value("whitelist"), options));
    }
    if (parsed.given("roles")) {
        core.roles = parse_names(parsed.value("roles"));
        core.roles->insert("*");
    }
    core.random_role_sorter = parsed.value("role_sorter") == "random";
    core.random_framework_sorter = parsed.value("framework_sorter") == "random";
    core.fair_sharing_excluded = parse_names(parsed.value("fair_sharing_excluded_resource_names"));
    core.allocator_agent_recovery_factor =
        TEPUI_TRY(parse_factor(parsed.value("allocator_agent_recovery_factor")));
    core.allocator_recovery_timeout =
        TEPUI_TRY(parse_duration(parsed.value("allocator_recovery_timeout")));
    core.preemption_after = TEPUI_TRY(parse_duration(parsed.value("preemption_after")));
    core.preemption_notice = TEPUI_TRY(parse_duration(parsed.value("preemption_notice")));
    core.constraint_regex_max_bytes = static_cast<std::int64_t>(
        TEPUI_TRY(parse_bytes(parsed.value("offer_constraints_re2_max_mem"))).count);
    core.constraint_regex_max_program = static_cast<int>(
        TEPUI_TRY(parse_whole(parsed.value("offer_constraints_re2_max_program_size"))));
    return {};
}

}  // namespace tepui::cli
