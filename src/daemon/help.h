#pragma once

#include <string>
#include <vector>

#include "http/message.h"

namespace tepui::daemon {

/// What /help tells about one endpoint.
struct HelpPage {
    std::string path;        // As it is routed: "/state".
    std::string methods;     // "GET", "POST".
    std::string summary;     // One sentence.
    std::string parameters;  // Of the query or the form; a line each, may be empty.
};

/// The answer of /help, /help/PROCESS and /help/PROCESS/ENDPOINT: text, or JSON when Accept asks
/// for it. `process`: what the main actor is called ("master", "slave(1)"); ENDPOINT is found with
/// and without it. 404 when there is no such endpoint.
http::Response help_response(const http::Request& request, const std::string& process,
                             const std::vector<HelpPage>& pages);

/// Pages of the endpoints that shared_routes() adds.
std::vector<HelpPage> shared_help();

}  // namespace tepui::daemon
