// Sessions within containers and connections to their terminals: the agent makes the ends, the shim
// does the rest (shim/probe.c, shim/attach.c), so that this large process is never copied.

#include <sys/socket.h>

#include <utility>

#include "containerizer/linux_containerizer.h"
#include "containerizer/spawn.h"
#include "shim/attach_protocol.h"

namespace tepui::containerizer {
namespace {

struct Pair {
    Descriptor near;
    Descriptor far;
};

Result<Pair> make_socket_pair() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(Errc::io, "cannot make a socket pair: {}", errno_text());
    return Pair{Descriptor(pair[0]), Descriptor(pair[1])};
}

Result<Pair> make_pipe(bool near_reads) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return fail(Errc::io, "cannot make a pipe: {}", errno_text());
    return near_reads ? Pair{Descriptor(ends[0]), Descriptor(ends[1])}
                      : Pair{Descriptor(ends[1]), Descriptor(ends[0])};
}

}  // namespace

Result<std::uint64_t> LinuxContainerizer::running_link(const ContainerId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = containers_.find(id);
    if (found == containers_.end() || found->second->link == 0 || found->second->task_pid == 0 ||
        found->second->closed)
        return fail(Errc::not_found, "container '{}' does not run", id);
    return found->second->link;
}

Result<void> LinuxContainerizer::try_session(const SessionSpec& spec, const OnSession& opened,
                                             const OnExited& exited) {
    LaunchPlan plan;
    plan.argv = TEPUI_TRY(plan_argv(spec.command));
    mesos::v1::CommandInfo command = spec.command;
    if (has_secrets(command)) TEPUI_CHECK_OK(resolve_secrets(command, *secrets_));
    plan.environment = TEPUI_TRY(plan_additions(command));
    plan.flags = SHIM_SESSION;
    plan.terminal = spec.terminal;
    plan.terminal_rows = spec.rows;
    plan.terminal_columns = spec.columns;
    if (!spec.user.empty() && options_.switch_user) plan.user = TEPUI_TRY(find_user(spec.user));
    const Descriptor config = TEPUI_TRY(memory_file(encode_plan(plan, -1, -1, -1)));
    Pair answer = TEPUI_TRY(make_socket_pair());
    SessionPipes pipes;
    Pair input;
    Pair output;
    Pair errors;
    if (!spec.terminal) {
        input = TEPUI_TRY(make_pipe(false));
        output = TEPUI_TRY(make_pipe(true));
        errors = TEPUI_TRY(make_pipe(true));
    }
    std::vector<int> descriptors{config.get(), answer.far.get()};
    for (const Pair* each : {&input, &output, &errors})
        if (each->far) descriptors.push_back(each->far.get());
    pipes.input = std::move(input.near);
    pipes.output = std::move(output.near);
    pipes.errors = std::move(errors.near);
    const std::uint64_t link = TEPUI_TRY(running_link(spec.parent));
    if (!links_.send_request(link, SHIM_PROBE, descriptors))
        return fail(Errc::io, "the process above container '{}' does not listen", spec.parent);
    sessions_.add(spec.session, std::move(answer.near), std::move(pipes), {opened, exited});
    return {};
}

void LinuxContainerizer::open_session(SessionSpec spec, OnSession opened, OnExited exited) {
    if (!sessions_.reserve(spec.session)) {
        workers_.submit([session = spec.session, opened = std::move(opened)] {
            opened(fail(Errc::conflict, "container '{}' exists already", session));
        });
        return;
    }
    workers_.submit([this, spec = std::move(spec), opened = std::move(opened),
                     exited = std::move(exited)]() mutable {
        const Result<void> begun = try_session(spec, opened, exited);
        if (begun) return;
        sessions_.release(spec.session);
        opened(std::unexpected(begun.error()));
    });
}

Result<Descriptor> LinuxContainerizer::attach(const ContainerId& id) {
    const std::uint64_t link = TEPUI_TRY(running_link(id));
    Pair pair = TEPUI_TRY(make_socket_pair());
    if (!links_.send_request(link, SHIM_ATTACH, {pair.far.get()}))
        return fail(Errc::io, "the process above container '{}' does not listen", id);
    return std::move(pair.near);
}

}  // namespace tepui::containerizer
