// What the runtime had to say.

#include <simdjson.h>

#include <algorithm>

#include "containerizer/cgroups/files.h"
#include "containerizer/oci/bundle.h"

namespace tepui::containerizer::oci {

std::string last_error(std::string_view log) {
    std::string message;
    simdjson::dom::parser parser;
    while (!log.empty()) {
        const std::string_view line = log.substr(0, log.find('\n'));
        log.remove_prefix(std::min(log.size(), line.size() + 1));
        simdjson::dom::element entry;
        std::string_view level;
        std::string_view text;
        if (parser.parse(line.data(), line.size()).get(entry) != simdjson::SUCCESS) continue;
        if (entry["msg"].get(text) != simdjson::SUCCESS) continue;
        const bool severe =
            entry["level"].get(level) != simdjson::SUCCESS || level == "error" || level == "fatal";
        if (severe) message = text;
    }
    return message;
}

std::string failure_message(const std::string& bundle) {
    return last_error(cgroups::read_file(bundle + "/" + k_log_name));
}

}  // namespace tepui::containerizer::oci
