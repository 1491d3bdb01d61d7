#include "master/master.h"

#include <csignal>
#include <future>

#include <fmt/core.h>

#include "cli/daemon/daemon.h"
#include "cli/daemon/signals.h"

namespace tepui::cli {

namespace {

constexpr Duration stop_deadline = 5s;

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
    std::promise<bool> ready;  // Whether the master has started: before that it can't be stopped.
    const std::shared_future<bool> is_ready = ready.get_future().share();
    const SignalEnd signals("master", {{SIGINT, stop_deadline}, {SIGTERM, stop_deadline}},
                            [&master, &is_ready](int) {
                                if (is_ready.get()) master.stop();
                            });
    const auto started = master.start();
    ready.set_value(started.has_value());
    if (!started) return give_up("master", started.error());
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
