#include "agent/core/nested_ending.h"

#include <algorithm>

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/nested.h"

namespace tepui::agent {
namespace {

// Nobody removes sessions: the ends of the last ones are kept for who asks a little later.
constexpr std::size_t ended_sessions_max = 256;

void answer_waiters(Context& context, const ContainerId& container, const ContainerEnd& end) {
    auto waiters = context.state.container_waiters.extract(container);
    if (waiters.empty()) return;
    for (const std::uint64_t request : waiters.mapped()) answer_end(context, request, end);
}

/// A session that ended, or one within a container that is gone already.
void tidy_ended(Context& context, const NestedRun& run) {
    State& state = context.state;
    const bool alone = run.parent && !find_place(state, run.id.parent());
    if (alone) return forget_nested(context, ContainerId{run.container});
    if (run.kind != NestedKind::session) return;
    state.ended_sessions.push_back(run.container);
    if (state.ended_sessions.size() <= ended_sessions_max) return;
    const ContainerId oldest = state.ended_sessions.front();
    state.ended_sessions.pop_front();
    forget_nested(context, oldest);
}

void end_run(Context& context, NestedRun& run, ContainerEnd end) {
    run.phase = NestedPhase::ended;
    run.end = std::move(end);
    answer_waiters(context, run.container, run.end);
    if (run.checkpoint)
        write_checkpoint(context, {nested_write(run)}, {ForgetAfter{run.container}});
    else
        context.effects.push_back(ForgetContainer{run.container});
    tidy_ended(context, run);
    end_if_shut_down(context);
}

/// What was launched within `container`, at any depth, and has ended.
void forget_within(Context& context, const ContainerId& container) {
    std::vector<ContainerId> within;
    for (const auto& [name, run] : context.state.nested) {
        if (run.parent == container && run.phase == NestedPhase::ended) within.push_back(name);
    }
    for (const ContainerId& each : within) {
        forget_within(context, each);
        forget_nested(context, each);
    }
}

}  // namespace

void answer_error(Context& context, std::uint64_t request, Errc code, std::string text) {
    context.effects.push_back(
        AnswerAsker{.request = request, .error = Error{code, std::move(text)}});
}

void answer_end(Context& context, std::uint64_t request, const ContainerEnd& end) {
    context.effects.push_back(AnswerAsker{.request = request, .end = end});
}

void forget_nested(Context& context, const ContainerId& container) {
    const auto found = context.state.nested.find(container);
    if (found == context.state.nested.end()) return;
    const ContainerId name = found->first;
    const bool stored = found->second.checkpoint;
    context.state.nested.erase(found);
    context.state.nested_orders.erase(name);
    std::erase(context.state.ended_sessions, name);
    if (stored) write_checkpoint(context, {{nested_key(name), std::nullopt}}, {ForgetAfter{name}});
}

bool nested_started(Context& context, const ContainerStarted& started) {
    const auto found = context.state.nested.find(started.container);
    if (found == context.state.nested.end()) return false;
    NestedRun& run = found->second;
    if (run.phase == NestedPhase::ended || run.phase == NestedPhase::running) return true;
    run.phase = NestedPhase::running;
    run.pid = started.pid;
    run.container_status = started.status;
    if (run.checkpoint) write_checkpoint(context, {nested_write(run)});
    if (run.kind == NestedKind::session && !run.launcher) {
        context.effects.push_back(DestroyContainer{run.container});  // Nobody is left to talk to.
    } else if (run.launcher) {
        context.effects.push_back(AnswerAsker{.request = *run.launcher});
        if (run.kind != NestedKind::session) run.launcher.reset();
    }
    return true;
}

bool nested_failed(Context& context, const ContainerLaunchFailed& failed) {
    const auto found = context.state.nested.find(failed.container);
    if (found == context.state.nested.end()) return false;
    if (const auto launcher = found->second.launcher)
        context.effects.push_back(AnswerAsker{.request = *launcher, .error = failed.error});
    answer_waiters(context, failed.container, {});
    forget_nested(context, failed.container);
    end_if_shut_down(context);
    return true;
}

bool nested_exited(Context& context, const ContainerExited& exited) {
    const auto found = context.state.nested.find(exited.container);
    if (found == context.state.nested.end()) return false;
    if (found->second.phase == NestedPhase::ended) return true;
    forget_within(context, exited.container);
    end_run(context, found->second, {exited.status, exited.limitation});
    return true;
}

void container_gone(Context& context, const ContainerExited& exited) {
    answer_waiters(context, exited.container, {exited.status, exited.limitation});
    forget_within(context, exited.container);
}

void on_asker_left(Context& context, std::uint64_t request) {
    for (auto& [container, waiters] : context.state.container_waiters) waiters.erase(request);
    std::erase_if(context.state.container_waiters,
                  [](const auto& each) { return each.second.empty(); });
    for (auto& [container, run] : context.state.nested) {
        if (run.launcher != request) continue;
        run.launcher.reset();
        if (run.kind == NestedKind::session && run.phase != NestedPhase::ended)
            context.effects.push_back(DestroyContainer{container});
        return;
    }
}

void expect_nested(const State& state, std::vector<ContainerId>& expected) {
    for (const auto& [container, run] : state.nested) {
        if (run.phase != NestedPhase::ended) expected.push_back(container);
    }
}

void recover_nested(Context& context, const std::vector<FoundContainer>& found) {
    std::vector<ContainerId> all;
    for (const auto& [container, run] : context.state.nested) all.push_back(container);
    for (const ContainerId& container : all) {
        const auto it = context.state.nested.find(container);
        if (it == context.state.nested.end()) continue;
        NestedRun& run = it->second;
        const auto place = run.parent ? find_place(context.state, run.id.parent()) : std::nullopt;
        if (run.parent && (!place || place->ended)) {
            forget_nested(context, container);
            continue;
        }
        if (run.phase == NestedPhase::ended) continue;
        const auto of_it = std::ranges::find(found, container, &FoundContainer::container);
        const bool is_there = of_it != found.end();
        if (is_there && of_it->running) {
            run.phase = NestedPhase::running;
            run.pid = of_it->pid;
            run.container_status = of_it->container_status;
            write_checkpoint(context, {nested_write(run)});
        } else if (run.phase == NestedPhase::running || (is_there && of_it->status)) {
            end_run(context, run,
                    is_there ? ContainerEnd{of_it->status, of_it->limitation} : ContainerEnd{});
        } else {
            forget_nested(context, container);  // It never ran.
        }
    }
}

void end_standalone(Context& context) {
    for (auto& [container, run] : context.state.nested) {
        if (run.kind != NestedKind::standalone || run.phase == NestedPhase::ended) continue;
        run.destroyed = true;
        context.effects.push_back(DestroyContainer{container});
    }
}

bool has_live_standalone(const State& state) {
    return std::ranges::any_of(state.nested, [](const auto& each) {
        return each.second.kind == NestedKind::standalone &&
               each.second.phase != NestedPhase::ended;
    });
}

}  // namespace tepui::agent
