#include "daemon/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>

namespace tepui::daemon {
namespace {

using Kind = PrometheusName::Kind;
using Labels = std::vector<std::pair<std::string, std::string>>;

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::toupper(c); });
    return result;
}

/// Words of a metric as an identifier: everything else becomes '_'.
std::string identifier(std::string_view text) {
    std::string result(text);
    std::ranges::replace_if(
        result, [](unsigned char c) { return std::isalnum(c) == 0 && c != '_'; }, '_');
    return result;
}

std::optional<std::string_view> after(std::string_view text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return std::nullopt;
    return text.substr(prefix.size());
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// A framework's name as it was before it went into a metric's.
std::string percent_decoded(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                             hex_digit(text[i + 2]) >= 0;
        if (!escaped) {
            result += text[i];
            continue;
        }
        result += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
        i += 2;
    }
    return result;
}

PrometheusName named(std::string family, Kind kind, Labels labels = {}) {
    if (kind == Kind::counter) family += "_total";
    PrometheusName name{family, kind, family, std::move(labels)};
    return name;
}

constexpr std::array active_states = {"staging", "starting", "running", "killing", "unreachable"};

/// "tasks_running" of a daemon: how many are in a state, or ended in it.
std::optional<PrometheusName> tasks(const std::string& daemon, std::string_view rest) {
    const auto state = after(rest, "tasks_");
    if (!state) return std::nullopt;
    const bool active = std::ranges::find(active_states, *state) != active_states.end();
    return named(daemon + (active ? "_tasks" : "_tasks_ended"),
                 active ? Kind::gauge : Kind::counter, {{"state", "TASK_" + upper(*state)}});
}

/// "cpus_total", "mem_revocable_used" of a daemon.
std::optional<PrometheusName> resources(const std::string& daemon, std::string_view rest) {
    for (const std::string_view resource : {"cpus", "gpus", "mem", "disk"}) {
        auto what = after(rest, resource);
        if (!what || !what->starts_with('_')) continue;
        what->remove_prefix(1);
        const auto revocable = after(*what, "revocable_");
        if (revocable) what = revocable;
        // "_total" is how counters end.
        const std::string measure = *what == "total" ? "available" : std::string(*what);
        return named(
            daemon + "_resource_" + identifier(measure), Kind::gauge,
            {{"resource", std::string(resource)}, {"revocable", revocable ? "true" : "false"}});
    }
    return std::nullopt;
}

/// "task_lost/source_master/reason_agent_removed".
std::optional<PrometheusName> transitions(const std::string& daemon, std::string_view rest) {
    const auto source = rest.find("/source_");
    const auto reason = rest.find("/reason_");
    if (!rest.starts_with("task_") || source == rest.npos || reason == rest.npos) {
        return std::nullopt;
    }
    return named(daemon + "_task_transitions", Kind::counter,
                 {{"state", upper(rest.substr(0, source))},
                  {"source", upper(rest.substr(source + 1, reason - source - 1))},
                  {"reason", upper(rest.substr(reason + 1))}});
}

/// "NAME/ID/offers/sent" behind "master/frameworks/".
std::optional<PrometheusName> framework(std::string_view rest) {
    const auto name_end = rest.find('/');
    const auto id_end = rest.find('/', name_end == rest.npos ? rest.npos : name_end + 1);
    if (id_end == rest.npos) return std::nullopt;
    Labels labels{{"framework_name", percent_decoded(rest.substr(0, name_end))},
                  {"framework_id", std::string(rest.substr(name_end + 1, id_end - name_end - 1))}};
    const std::string_view what = rest.substr(id_end + 1);
    const std::string family = "tepui_master_framework_";
    const auto labelled = [&](std::string_view kind_of, Kind kind, std::string label,
                              std::string value) {
        labels.emplace_back(std::move(label), std::move(value));
        return named(family + std::string(kind_of), kind, labels);
    };
    if (const auto state = after(what, "tasks/active/"))
        return labelled("tasks", Kind::gauge, "state", upper(*state));
    if (const auto state = after(what, "tasks/terminal/"))
        return labelled("tasks_ended", Kind::counter, "state", upper(*state));
    if (const auto role = after(what, "roles/"); role && role->ends_with("/suppressed")) {
        return labelled("role_suppressed", Kind::gauge, "role",
                        std::string(role->substr(0, role->size() - 11)));
    }
    for (const std::string_view group : {"calls", "events", "operations", "offers"}) {
        const auto type = after(what, group);
        if (!type) continue;
        if (type->empty())
            return named(family + std::string(group) + "_all", Kind::counter, labels);
        return labelled(group, Kind::counter, "type", std::string(type->substr(1)));
    }
    return named(family + identifier(what), Kind::gauge, labels);
}

/// What is behind "allocator/mesos/": roles may have slashes, so names are taken apart from both
/// ends.
std::optional<PrometheusName> allocator(std::string_view rest) {
    const std::string family = "tepui_allocator_";
    if (const auto role = after(rest, "roles/"); role && role->ends_with("/shares/dominant")) {
        return named(family + "role_dominant_share", Kind::gauge,
                     {{"role", std::string(role->substr(0, role->size() - 16))}});
    }
    if (const auto role = after(rest, "offer_filters/roles/"); role && role->ends_with("/active")) {
        return named(family + "offer_filters", Kind::gauge,
                     {{"role", std::string(role->substr(0, role->size() - 7))}});
    }
    if (const auto quota = after(rest, "quota/roles/")) {
        const auto split = quota->rfind("/resources/");
        if (split == quota->npos) return std::nullopt;
        const std::string_view tail = quota->substr(split + 11);
        const auto slash = tail.find('/');
        if (slash == tail.npos) return std::nullopt;
        return named(family + "quota_" + identifier(tail.substr(slash + 1)), Kind::gauge,
                     {{"role", std::string(quota->substr(0, split))},
                      {"resource", std::string(tail.substr(0, slash))}});
    }
    if (const auto resource = after(rest, "resources/")) {
        const auto slash = resource->find('/');
        if (slash == resource->npos) return std::nullopt;
        const std::string_view what = resource->substr(slash + 1);
        return named(
            family + "resource_" + (what == "total" ? std::string("available") : identifier(what)),
            Kind::gauge, {{"resource", std::string(resource->substr(0, slash))}});
    }
    return std::nullopt;
}

/// "registrar/state_store_ms/p99": a summary with its quantiles.
std::optional<PrometheusName> summary(std::string_view metric) {
    const auto end = metric.find("_ms");
    if (end == metric.npos || metric.starts_with("master/frameworks/")) return std::nullopt;
    const std::string_view tail = metric.substr(end + 3);
    const std::string family = "tepui_" + identifier(metric.substr(0, end + 3));
    if (tail.empty()) return named(family + "_last", Kind::gauge);
    if (!tail.starts_with('/')) return std::nullopt;
    const std::string_view part = tail.substr(1);
    if (part == "max" || part == "min") return named(family + "_" + std::string(part), Kind::gauge);
    PrometheusName name{family, Kind::summary, family, {}};
    if (part == "count") {
        name.sample += "_count";
        return name;
    }
    if (!part.starts_with('p') || part.size() < 3) return std::nullopt;
    name.labels = {{"quantile", "0." + std::string(part.substr(1))}};
    if (name.labels[0].second.ends_with("0")) name.labels[0].second.pop_back();
    return name;
}

/// Whether a name that no rule took apart counts up. Mesos' names tell by their words; the test
/// holds this against the table of all names.
bool counts_up(std::string_view metric) {
    constexpr std::array words = {"messages",   "valid_",       "registrations",
                                  "removals",   "_errors",      "cache_hits",
                                  "shutdowns_", "unreachable_", "allocation_runs",
                                  "_succeeded", "_failed",      "executors_terminated",
                                  "preempted",  "/events/",     "slave_removals",
                                  "cut_off",    "refused"};
    if (metric.find("event_queue") != metric.npos || metric.ends_with("_pending")) return false;
    return std::ranges::any_of(words,
                               [&](const char* word) { return metric.find(word) != metric.npos; });
}

std::string escaped(std::string_view value) {
    std::string result;
    for (const char c : value) {
        if (c == '\n') {
            result += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') result += '\\';
        result += c;
    }
    return result;
}

const char* type_name(Kind kind) {
    switch (kind) {
        case Kind::counter: return "counter";
        case Kind::gauge: return "gauge";
        case Kind::summary: return "summary";
    }
    return "untyped";
}

std::string sample_line(const PrometheusName& name, double value) {
    std::string line = name.sample;
    for (std::size_t i = 0; i < name.labels.size(); ++i) {
        line += i == 0 ? '{' : ',';
        line += fmt::format("{}=\"{}\"", name.labels[i].first, escaped(name.labels[i].second));
    }
    if (!name.labels.empty()) line += '}';
    if (std::isnan(value)) return line + " NaN\n";
    if (std::isinf(value)) return line + (value > 0 ? " +Inf\n" : " -Inf\n");
    return line + fmt::format(" {}\n", value);
}

}  // namespace

PrometheusName prometheus_name(std::string_view metric) {
    for (const std::string_view daemon : {"master", "slave"}) {
        const auto rest = after(metric, daemon);
        if (!rest || !rest->starts_with('/')) continue;
        const std::string_view what = rest->substr(1);
        const std::string prefix = daemon == "slave" ? "tepui_agent" : "tepui_master";
        if (const auto name = after(what, "frameworks/")) {
            if (auto found = framework(*name)) return *found;
        }
        if (auto found = tasks(prefix, what)) return *found;
        if (auto found = transitions(prefix, what)) return *found;
        if (auto found = resources(prefix, what)) return *found;
        return named(prefix + "_" + identifier(what),
                     counts_up(what) ? Kind::counter : Kind::gauge);
    }
    if (auto found = summary(metric)) return *found;
    if (const auto rest = after(metric, "allocator/mesos/")) {
        if (auto found = allocator(*rest)) return *found;
    }
    return named("tepui_" + identifier(metric), counts_up(metric) ? Kind::counter : Kind::gauge);
}

std::string prometheus_text(const std::map<std::string, double>& metrics) {
    struct Family {
        Kind kind;
        std::string lines;
    };
    std::map<std::string, Family> families;
    for (const auto& [metric, value] : metrics) {
        const PrometheusName name = prometheus_name(metric);
        auto& family = families.try_emplace(name.family, Family{name.kind, {}}).first->second;
        family.lines += sample_line(name, value);
    }
    std::string text;
    for (const auto& [name, family] : families) {
        text += fmt::format("# TYPE {} {}\n", name, type_name(family.kind));
        text += family.lines;
    }
    return text;
}

http::Response prometheus_response(const std::map<std::string, double>& metrics) {
    http::Response response = http::Response::text(200, prometheus_text(metrics));
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
}

}  // namespace tepui::daemon
