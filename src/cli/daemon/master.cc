#include "master/master.h"

#include <csignal>

#include <fmt/core.h>

#include "cli/daemon/daemon.h"
#include "cli/daemon/signals.h"

namespace tepui::cli {

namespace {

Outcome run(const Console& console, const Parsed& parsed) {
    auto options = make_master_options(parsed);
    if (!options) return give_up("master", options.error(), "tepui help master");
    if (parsed.value("registry") == "replicated_log") {
        console.err(
            "tepui: master: --registry=replicated_log is taken as sqlite: a single master, whose "
            "registry is in work_dir\n");
    }
    if (parsed.enabled("insecure_listen")) {
        console.err(
            fmt::format("tepui: master: listening on {} without authentication\n", options->ip));
    }
    master::Master master(*options);
    const SignalThread signals({SIGINT, SIGTERM}, [&master](int) { master.stop(); });
    if (const auto started = master.start(); !started) return give_up("master", started.error());
    if (const auto ended = master.wait(); !ended) return give_up("master", ended.error());
    return 0;
}

}  // namespace

Verb master_verb() {
    Verb verb = master_page();
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
