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
                                           const OnProbed& done) {
    LaunchPlan plan;
    plan.argv = TEPUI_TRY(plan_argv(spec.command));
    mesos::v1::CommandInfo command = spec.command;
    if (has_secrets(command)) TEPUI_CHECK_OK(resolve_secrets(command, *secrets_));
    plan.environment = TEPUI_TRY(plan_additions(command));
    const Descriptor config = TEPUI_TRY(memory_file(encode_plan(plan, -1, -1, -1)));
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(Errc::io, "cannot make a socket pair: {}", errno_text());
    Descriptor near(pair[0]);
    const Descriptor far(pair[1]);
    const std::uint64_t link = TEPUI_TRY(running_link(id));
    if (!links_.send_request(link, SHIM_PROBE, {config.get(), far.get()}))
        return fail(Errc::io, "the process above container '{}' does not listen", id);
    probes_.add(id, std::move(near), spec.timeout, done);
    return {};
}

void LinuxContainerizer::probe(const ContainerId& container, ProbeSpec spec, OnProbed done) {
    workers_.submit([this, container, spec = std::move(spec), done = std::move(done)]() mutable {
        const Result<void> begun = try_probe(container, spec, done);
        if (!begun) done(std::unexpected(begun.error()));
    });
}

void LinuxContainerizer::cancel_probes(const ContainerId& container) { probes_.cancel(container); }

}  // namespace tepui::containerizer
