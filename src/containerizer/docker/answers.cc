#include "containerizer/docker/answers.h"

#include <cstdio>
#include <ctime>

#include <simdjson.h>

namespace tepui::containerizer::docker {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

/// What was parsed, and the parser that it lives in.
struct Document {
    simdjson::dom::parser parser;
    element root;
};

Result<void> parse(Document& document, std::string_view json) {
    const auto error = document.parser.parse(simdjson::padded_string(json)).get(document.root);
    if (error != simdjson::SUCCESS)
        return fail(Errc::io, "the Docker Engine's answer is no JSON: {}",
                    simdjson::error_message(error));
    return {};
}

// Members that are absent or of another type are as if empty: the Engine leaves out what it has
// not.

element at(const element& in, std::string_view name) {
    element out;
    if (in.is_object() && in.at_key(name).get(out) == simdjson::SUCCESS) return out;
    return element();
}

std::string text(const element& in, std::string_view name) {
    std::string_view value;
    element found;
    if (!in.is_object() || in.at_key(name).get(found) != simdjson::SUCCESS) return {};
    return found.get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

std::int64_t number(const element& in, std::string_view name) {
    std::int64_t value = 0;
    element found;
    if (!in.is_object() || in.at_key(name).get(found) != simdjson::SUCCESS) return 0;
    return found.get(value) == simdjson::SUCCESS ? value : 0;
}

bool truth(const element& in, std::string_view name) {
    bool value = false;
    element found;
    if (!in.is_object() || in.at_key(name).get(found) != simdjson::SUCCESS) return false;
    return found.get(value) == simdjson::SUCCESS && value;
}

bool has(const element& in, std::string_view name) {
    element found;
    return in.is_object() && in.at_key(name).get(found) == simdjson::SUCCESS;
}

std::map<std::string, std::string> texts(const element& in, std::string_view name) {
    std::map<std::string, std::string> out;
    if (!has(in, name)) return out;
    object members;
    if (at(in, name).get(members) != simdjson::SUCCESS) return out;
    for (const auto member : members) {
        std::string_view value;
        if (member.value.get(value) == simdjson::SUCCESS)
            out.emplace(std::string(member.key), std::string(value));
    }
    return out;
}

std::vector<Address> addresses(const element& settings) {
    std::vector<Address> out;
    if (!has(settings, "Networks")) return out;
    object networks;
    if (at(settings, "Networks").get(networks) != simdjson::SUCCESS) return out;
    for (const auto network : networks) {
        const std::string name(network.key);
        if (std::string ip = text(network.value, "IPAddress"); !ip.empty())
            out.push_back({name, std::move(ip), false});
        if (std::string ip = text(network.value, "GlobalIPv6Address"); !ip.empty())
            out.push_back({name, std::move(ip), true});
    }
    return out;
}

}  // namespace

Result<Inspected> parse_inspect(std::string_view json) {
    Document document;
    TEPUI_CHECK_OK(parse(document, json));
    const element& root = document.root;
    Inspected out;
    out.id = text(root, "Id");
    if (out.id.empty() || !has(root, "State"))
        return fail(Errc::io, "the Docker Engine's answer describes no container");
    const element state = at(root, "State");
    out.status = text(state, "Status");
    out.running = truth(state, "Running");
    out.pid = number(state, "Pid");
    out.exit_code = static_cast<int>(number(state, "ExitCode"));
    out.out_of_memory = truth(state, "OOMKilled");
    out.error = text(state, "Error");
    out.finished_at = text(state, "FinishedAt");
    if (has(root, "Config")) {
        const element config = at(root, "Config");
        out.labels = texts(config, "Labels");
        out.stop_signal = text(config, "StopSignal");
    }
    if (has(root, "NetworkSettings")) out.addresses = addresses(at(root, "NetworkSettings"));
    return out;
}

Result<std::vector<Listed>> parse_list(std::string_view json) {
    Document document;
    TEPUI_CHECK_OK(parse(document, json));
    simdjson::dom::array items;
    if (document.root.get(items) != simdjson::SUCCESS)
        return fail(Errc::io, "the Docker Engine's answer is no list");
    std::vector<Listed> out;
    for (const element item : items) {
        Listed listed{text(item, "Id"), text(item, "State"), texts(item, "Labels")};
        if (listed.id.empty()) return fail(Errc::io, "a container of the Docker Engine has no Id");
        out.push_back(std::move(listed));
    }
    return out;
}

Result<std::string> parse_text(std::string_view json, const std::string& name) {
    Document document;
    TEPUI_CHECK_OK(parse(document, json));
    std::string value = text(document.root, name);
    if (value.empty()) return fail(Errc::io, "the Docker Engine's answer has no member '{}'", name);
    return value;
}

Result<ExecInspected> parse_exec(std::string_view json) {
    Document document;
    TEPUI_CHECK_OK(parse(document, json));
    if (!has(document.root, "Running"))
        return fail(Errc::io, "the Docker Engine's answer describes no command");
    return ExecInspected{truth(document.root, "Running"),
                         static_cast<int>(number(document.root, "ExitCode")),
                         number(document.root, "Pid")};
}

Result<EngineEvent> parse_event(std::string_view json) {
    Document document;
    TEPUI_CHECK_OK(parse(document, json));
    EngineEvent event;
    event.action = text(document.root, "Action");
    if (has(document.root, "Actor")) event.container = text(at(document.root, "Actor"), "ID");
    return event;
}

Result<PullLine> parse_pull_line(std::string_view json) {
    Document document;
    TEPUI_CHECK_OK(parse(document, json));
    PullLine line;
    line.error = text(document.root, "error");
    line.layer = text(document.root, "id");
    line.status = text(document.root, "status");
    if (has(document.root, "progressDetail")) {
        const element detail = at(document.root, "progressDetail");
        line.current =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, number(detail, "current")));
        line.total = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number(detail, "total")));
    }
    return line;
}

std::optional<double> parse_time(std::string_view given) {
    const std::string text(given);
    std::tm parts{};
    double seconds = 0;
    int end = 0;
    if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%lfZ%n", &parts.tm_year, &parts.tm_mon,
                    &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &seconds, &end) != 6 ||
        end == 0)
        return std::nullopt;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    if (parts.tm_year < 70) return std::nullopt;
    return static_cast<double>(::timegm(&parts)) + seconds;
}

Result<std::vector<std::string>> LineCutter::feed(std::string_view bytes) {
    pending_.append(bytes);
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
        std::string line = pending_.substr(begin, end - begin);
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty()) lines.push_back(std::move(line));
    }
    pending_.erase(0, begin);
    if (pending_.size() > line_bytes_max)
        return fail(Errc::io, "a line of the Docker Engine has no end");
    return lines;
}

}  // namespace tepui::containerizer::docker
