// A look at a running task: the agent makes a socket pair and describes the command; the shim does
// the rest (shim/probe.c), so that this large process is never copied.

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "containerizer/linux_containerizer.h"
#include "containerizer/spawn.h"

namespace tepui::containerizer {

Result<std::vector<std::string>> plan_additions(const mesos::v1::CommandInfo& command) {
    std::vector<std::string> all = TEPUI_TRY(plan_environment({}, command));
    const bool own_path = std::ranges::any_of(command.environment().variables(),
                                              [](const auto& x) { return x.name() == "PATH"; });
    if (!own_path) std::erase_if(all, [](const auto& x) { return x.starts_with("PATH="); });
    return all;
}

Result<void> LinuxContainerizer::try_probe(const ContainerId& id, const ProbeSpec& spec,
                                           int answer) {
    LaunchPlan plan;
    plan.argv = TEPUI_TRY(plan_argv(spec.command));
    mesos::v1::CommandInfo command = spec.command;
    if (has_secrets(command)) TEPUI_CHECK_OK(resolve_secrets(command, *secrets_));
    plan.environment = TEPUI_TRY(plan_additions(command));
    const Descriptor config = TEPUI_TRY(memory_file(encode_plan(plan, -1, -1, -1)));
    const std::uint64_t link = TEPUI_TRY(running_link(id));
    if (!links_.send_request(link, SHIM_PROBE, {config.get(), answer}))
        return fail(Errc::io, "the process above container '{}' does not listen", id);
    return {};
}

void LinuxContainerizer::probe(const ContainerId& container, ProbeSpec spec, OnProbed done) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        Error error{Errc::io, "cannot make a socket pair: " + errno_text()};
        workers_.submit(
            [done = std::move(done), error = std::move(error)] { done(std::unexpected(error)); });
        return;
    }
    // In the books before anything runs: a cancellation finds it at any time.
    const std::uint64_t number =
        probes_.add(container, Descriptor(pair[0]), spec.timeout, std::move(done));
    const auto far = std::make_shared<const Descriptor>(pair[1]);
    workers_.submit([this, container, spec = std::move(spec), number, far] {
        const Result<void> begun = try_probe(container, spec, far->get());
        if (!begun) probes_.give_up(number, begun.error());
    });
}

void LinuxContainerizer::cancel_probes(const ContainerId& container) { probes_.cancel(container); }

}  // namespace tepui::containerizer
