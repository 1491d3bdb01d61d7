#include <fmt/core.h>

#include "cli/verbs/verbs.h"
#include "daemon/version.h"

namespace tepui::cli {

Verb version_verb() {
    Verb verb;
    verb.manual.name = "version";
    verb.manual.summary = "print the version";
    verb.manual.synopsis = {"version"};
    verb.manual.description = {
        "Prints the version of this program and of the Mesos API it speaks."};
    verb.manual.examples = {{"tepui version", "what is this?"}};
    verb.run = [](const Console& console, const Parsed&) -> Outcome {
        console.out(
            fmt::format("tepui {} (Mesos API {})\n", daemon::product_version, daemon::api_version));
        return 0;
    };
    return verb;
}

}  // namespace tepui::cli
