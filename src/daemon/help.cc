#include "daemon/help.h"

#include <fmt/format.h>

#include "daemon/json_response.h"
#include "wire/json_writer.h"

namespace tepui::daemon {
namespace {

constexpr std::string_view help_path = "/help";

std::string page_text(const HelpPage& page) {
    std::string text = fmt::format("{} {}\n\n{}\n", page.methods, page.path, page.summary);
    if (!page.parameters.empty()) text += "\n" + page.parameters;
    return text;
}

std::string index_text(const std::string& process, const std::vector<const HelpPage*>& pages) {
    std::size_t width = 0;
    for (const HelpPage* page : pages) width = std::max(width, page->path.size());
    std::string text =
        fmt::format("Endpoints of {}; /help/{}/NAME tells more of one.\n\n", process, process);
    for (const HelpPage* page : pages)
        text += fmt::format("{:<{}}  {}\n", page->path, width, page->summary);
    return text;
}

std::string index_json(const std::string& process, const std::vector<const HelpPage*>& pages) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object().key("processes").begin_array().begin_object();
    json.key("id").value(process).key("endpoints").begin_array();
    for (const HelpPage* page : pages) {
        json.begin_object().key("name").value(page->path);
        json.key("text").value(page_text(*page)).end_object();
    }
    json.end_array().end_object().end_array().end_object();
    return out;
}

/// The endpoint that a path below /help names: "/help/master/state" names "/state".
std::string wanted(std::string_view path, const std::string& process) {
    const std::size_t at = path.find(help_path);
    std::string name(at == std::string_view::npos ? "" : path.substr(at + help_path.size()));
    while (name.ends_with('/')) name.pop_back();
    const std::string prefix = "/" + process;
    if (name == prefix) return "";
    if (name.starts_with(prefix + "/")) name.erase(0, prefix.size());
    return name;
}

bool wants_json(const http::Request& request) {
    const auto accept = request.headers.find("Accept");
    return accept && accept->find("application/json") != std::string_view::npos;
}

}  // namespace

http::Response help_response(const http::Request& request, const std::string& process,
                             const std::vector<HelpPage>& pages) {
    const std::string name = wanted(request.path, process);
    std::vector<const HelpPage*> found;
    for (const HelpPage& page : pages) {
        if (name.empty() || page.path == name || page.path.starts_with(name + "/"))
            found.push_back(&page);
    }
    if (found.empty())
        return http::Response::text(404,
                                    fmt::format("There is no endpoint '{}'; see /help.", name));
    if (wants_json(request)) return json_response(request, index_json(process, found));
    const bool one = !name.empty() && found.size() == 1;
    return http::Response::text(200, one ? page_text(*found.front()) : index_text(process, found));
}

std::vector<HelpPage> shared_help() {
    const std::string path = "path    the virtual path; 'directory' of the agent's /state is one\n";
    return {
        {"/health", "GET", "200 while the process serves requests.", ""},
        {"/version", "GET", "The version of the API and of this build.", ""},
        {"/flags", "GET", "The flags this daemon runs with, those left at their defaults too.", ""},
        {"/metrics/snapshot", "GET", "Every metric by its name, as numbers.",
         "timeout  a duration (5secs); what is not measured in time is left out\n"},
        {"/metrics", "GET", "The same metrics in Prometheus' text format, with labels.", ""},
        {"/logging/toggle", "GET",
         "The level of the log as text, or, with both parameters, raises it for a while.",
         "level     from 1 on each request is a line of the log\n"
         "duration  how long (5mins); then it falls back by itself\n"},
        {"/system/stats", "GET", "Load, processors and memory of this machine.", ""},
        {"/files/browse", "GET", "The entries of a directory.", path},
        {"/files/read", "GET", "A piece of a file, at most 64 KiB.",
         path + "offset  where it begins; -1 asks for the size\nlength  how much; -1 for all\n"},
        {"/files/download", "GET", "A whole file.", path},
        {"/files/debug", "GET", "Which virtual paths lead where.", ""},
        {"/profiler/start", "GET", "400: no profiler is built in.", ""},
        {"/profiler/stop", "GET", "400: no profiler is built in.", ""},
        {"/memory-profiler/start", "GET", "400: no memory profiler is built in.", ""},
        {"/memory-profiler/stop", "GET", "400: no memory profiler is built in.", ""},
        {"/memory-profiler/state", "GET", "400: no memory profiler is built in.", ""},
        {"/memory-profiler/statistics", "GET", "400: no memory profiler is built in.", ""},
        {"/memory-profiler/download/raw", "GET", "400: no memory profiler is built in.", ""},
        {"/memory-profiler/download/text", "GET", "400: no memory profiler is built in.", ""},
        {"/memory-profiler/download/graph", "GET", "400: no memory profiler is built in.", ""},
        {"/__processes__", "GET", "An empty list: there are no actors here.", ""},
        {"/help", "GET", "What you read.", ""},
    };
}

}  // namespace tepui::daemon
