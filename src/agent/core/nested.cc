#include "agent/core/nested.h"

#include <algorithm>

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/nested_ending.h"
#include "agent/core/volumes.h"

// Clients still send the older forms of the calls.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Call;

// Of the chain's names together: the process above a container is told it, and directories are
// named after their own part.
constexpr std::size_t name_bytes_max = 242;

std::optional<std::string> wrong_name(const v1::ContainerID& id) {
    if (chain_text(id).size() > name_bytes_max) {
        return fmt::format("the ids of the container and those around it have more than {} bytes",
                           name_bytes_max);
    }
    for (const v1::ContainerID* each = &id; each != nullptr;
         each = each->has_parent() ? &each->parent() : nullptr) {
        const std::string& value = each->value();
        if (value.empty()) return "a container's id is empty";
        const bool plain = std::ranges::all_of(value, [](char c) {
            return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '/' && c != '\\' &&
                   c != '.';
        });
        if (!plain) {
            return fmt::format(
                "the id '{}' of a container may not have '.', '/', '\\', blanks or control "
                "characters",
                value);
        }
    }
    return std::nullopt;
}

/// The four calls that begin a container, in the form of the newest.
struct Wanted {
    NestedKind kind = NestedKind::nested;
    Call::LaunchContainer launch;
};

template <typename Old>
Wanted from_old(NestedKind kind, const Old& old) {
    Wanted wanted{kind, {}};
    *wanted.launch.mutable_container_id() = old.container_id();
    if (old.has_command()) *wanted.launch.mutable_command() = old.command();
    if (old.has_container()) *wanted.launch.mutable_container() = old.container();
    return wanted;
}

Wanted wanted_of(const Call& call) {
    switch (call.type()) {
        case Call::LAUNCH_NESTED_CONTAINER:
            return from_old(NestedKind::nested, call.launch_nested_container());
        case Call::LAUNCH_NESTED_CONTAINER_SESSION:
            return from_old(NestedKind::session, call.launch_nested_container_session());
        default: break;
    }
    const Call::LaunchContainer& launch = call.launch_container();
    const bool nested = launch.container_id().has_parent();
    return {nested ? NestedKind::nested : NestedKind::standalone, launch};
}

std::optional<std::string> wrong_launch(const Wanted& wanted) {
    const Call::LaunchContainer& launch = wanted.launch;
    if (auto wrong = wrong_name(launch.container_id())) return wrong;
    if (wanted.kind != NestedKind::standalone && !launch.container_id().has_parent()) {
        return "the container's id has no parent: this call launches within another container";
    }
    const bool shares =
        wanted.kind != NestedKind::standalone && launch.container().linux_info().share_cgroups();
    if (shares && (launch.resources_size() > 0 || launch.limits_size() > 0)) {
        return "resources and limits are for a container with cgroups of its own: set "
               "container.linux_info.share_cgroups to false";
    }
    if (launch.container().type() == v1::ContainerInfo::DOCKER && launch.has_container()) {
        return "a container that is launched by this call has the type MESOS";
    }
    return std::nullopt;
}

void launch_now(Context& context, NestedRun& run, Call::LaunchContainer launch) {
    run.phase = NestedPhase::launching;
    context.effects.push_back(LaunchNested{
        .kind = run.kind,
        .container = run.container,
        .parent = run.parent,
        .launch = std::make_shared<const Call::LaunchContainer>(std::move(launch)),
        .user = run.user,
        .sandbox = run.sandbox,
        .checkpoint = run.checkpoint,
        .parent_volumes = run.parent ? volumes_of(context.state, *run.parent) : ResourceList{},
    });
}

void launch(Context& context, std::uint64_t request, Wanted wanted) {
    State& state = context.state;
    const auto refuse = [&](std::string why) {
        answer_error(context, request, Errc::invalid_argument, std::move(why));
    };
    if (const auto wrong = wrong_launch(wanted)) return refuse(*wrong);
    const v1::ContainerID& id = wanted.launch.container_id();
    const ContainerId container{chain_text(id)};
    if (state.nested.contains(container)) {
        context.effects.push_back(AnswerAsker{.request = request, .already = true});
        return;
    }
    if (find_place(state, id)) return refuse(fmt::format("container '{}' is a task's", container));
    NestedRun run;
    run.kind = wanted.kind;
    run.id = id;
    run.container = container;
    run.user = wanted.launch.command().user();
    run.terminal = wanted.launch.container().has_tty_info();
    run.launcher = request;
    if (wanted.kind == NestedKind::standalone) {
        if (state.departure || state.shutting_down) return refuse("the agent is leaving");
        if (run.user.empty()) run.user = state.config.default_user;
        run.sandbox = state.config.work_dir + "/containers/" + id.value();
    } else {
        const auto around = find_place(state, id.parent());
        if (!around || !around->running || around->session) {
            return refuse(
                fmt::format("there is no container '{}' that runs", chain_text(id.parent())));
        }
        run.parent = around->container;
        // A session is the task's user without being told.
        const bool session = run.kind == NestedKind::session;
        if (run.user.empty() && !session) run.user = around->user;
        if (!session) run.sandbox = around->sandbox + "/containers/" + id.value();
        run.checkpoint = around->checkpoint && !session;
    }
    NestedRun& made = state.nested.emplace(container, std::move(run)).first->second;
    if (!made.checkpoint) return launch_now(context, made, std::move(wanted.launch));
    // The order itself is not stored: what did not begin before a restart never does.
    state.nested_orders.emplace(container, std::move(wanted.launch));
    write_checkpoint(context, {nested_write(made)}, {NestedAfter{container}});
}

void wait(Context& context, std::uint64_t request, const v1::ContainerID& id) {
    State& state = context.state;
    const auto place = find_place(state, id);
    if (!place || (place->ended && !state.nested.contains(place->container))) {
        answer_error(context, request, Errc::not_found,
                     fmt::format("there is no container '{}' to wait for", chain_text(id)));
        return;
    }
    if (place->ended) {
        answer_end(context, request, state.nested.at(place->container).end);
        return;
    }
    state.container_waiters[place->container].insert(request);
}

void kill(Context& context, std::uint64_t request, const v1::ContainerID& id, int signal) {
    constexpr int signal_last = 64;
    if (signal < 1 || signal > signal_last) {
        answer_error(context, request, Errc::invalid_argument,
                     fmt::format("{} is not the number of a signal", signal));
        return;
    }
    const auto place = find_place(context.state, id);
    if (!place || place->ended) {
        answer_error(context, request, Errc::not_found,
                     fmt::format("there is no container '{}' that runs", chain_text(id)));
        return;
    }
    constexpr int sigkill = 9;
    const auto run = context.state.nested.find(place->container);
    if (run != context.state.nested.end() && signal == sigkill && !place->running) {
        run->second.destroyed = true;
    }
    context.effects.push_back(SignalContainer{place->container, signal});
    context.effects.push_back(AnswerAsker{.request = request});
}

void remove(Context& context, std::uint64_t request, const v1::ContainerID& id) {
    State& state = context.state;
    const auto found = state.nested.find(ContainerId{chain_text(id)});
    if (found == state.nested.end()) {
        const bool root_known = id.has_parent() && find_place(state, id.parent()).has_value();
        if (root_known && !find_place(state, id)) {
            context.effects.push_back(AnswerAsker{.request = request});  // Removed already.
            return;
        }
        answer_error(context, request, Errc::not_found,
                     fmt::format("no container '{}' was launched by an operator", chain_text(id)));
        return;
    }
    if (found->second.phase != NestedPhase::ended) {
        answer_error(context, request, Errc::internal,
                     fmt::format("container '{}' has not ended: kill it first", chain_text(id)));
        return;
    }
    if (!found->second.sandbox.empty())
        context.effects.push_back(RemoveNestedSandbox{found->second.sandbox});
    forget_nested(context, found->first);
    context.effects.push_back(AnswerAsker{.request = request});
}

}  // namespace

std::string chain_text(const v1::ContainerID& id) {
    return id.has_parent() ? chain_text(id.parent()) + '.' + id.value() : id.value();
}

std::optional<ContainerPlace> find_place(const State& state, const v1::ContainerID& id) {
    if (const auto found = state.nested.find(ContainerId{chain_text(id)});
        found != state.nested.end()) {
        const NestedRun& run = found->second;
        return ContainerPlace{run.container,
                              run.sandbox,
                              run.user,
                              run.checkpoint,
                              run.phase == NestedPhase::running,
                              run.phase == NestedPhase::ended,
                              run.terminal,
                              run.kind == NestedKind::session};
    }
    const ContainerId own{id.value()};
    const auto of_task = state.containers.find(own);
    if (of_task != state.containers.end()) {
        const Framework& framework = state.frameworks.at(of_task->second.first);
        const TaskRun& task = framework.tasks.at(of_task->second.second);
        const auto executor =
            task.executor ? framework.executors.find(*task.executor) : framework.executors.end();
        const bool in_pod = executor != framework.executors.end() &&
                            executor->second.kind == ExecutorKind::pod && id.has_parent() &&
                            !id.parent().has_parent() &&
                            id.parent().value() == executor->second.container.value;
        if (!in_pod && (task.executor || id.has_parent())) return std::nullopt;
        return ContainerPlace{own,
                              task.sandbox,
                              task.user,
                              framework.info.checkpoint(),
                              task.phase == Phase::running,
                              task.phase == Phase::ended,
                              task.info.container().has_tty_info(),
                              false};
    }
    if (id.has_parent()) return std::nullopt;
    const auto of_executor = state.executor_containers.find(own);
    if (of_executor == state.executor_containers.end()) return std::nullopt;
    const Framework& framework = state.frameworks.at(of_executor->second.first);
    const ExecutorRun& executor = framework.executors.at(of_executor->second.second);
    return ContainerPlace{
        own,
        executor.sandbox,
        executor.user,
        framework.info.checkpoint(),
        executor.phase == ExecutorPhase::running || executor.phase == ExecutorPhase::terminating,
        executor.phase == ExecutorPhase::ended,
        executor.info.container().has_tty_info(),
        false};
}

void on_container_asked(Context& context, const ContainerAsked& asked) {
    const Call& call = *asked.call;
    const auto checked = [&](const v1::ContainerID& id, bool nested) {
        auto wrong = wrong_name(id);
        if (!wrong && nested && !id.has_parent()) {
            wrong = "the container's id has no parent: this call is about nested containers";
        }
        if (wrong) answer_error(context, asked.request, Errc::invalid_argument, *wrong);
        return !wrong;
    };
    switch (call.type()) {
        case Call::LAUNCH_CONTAINER:
        case Call::LAUNCH_NESTED_CONTAINER:
        case Call::LAUNCH_NESTED_CONTAINER_SESSION:
            return launch(context, asked.request, wanted_of(call));
        case Call::WAIT_CONTAINER:
            if (!checked(call.wait_container().container_id(), false)) return;
            return wait(context, asked.request, call.wait_container().container_id());
        case Call::KILL_CONTAINER: {
            const auto& kill_call = call.kill_container();
            if (!checked(kill_call.container_id(), false)) return;
            return kill(context, asked.request, kill_call.container_id(),
                        kill_call.has_signal() ? kill_call.signal() : 9);
        }
        case Call::REMOVE_CONTAINER:
            if (!checked(call.remove_container().container_id(), false)) return;
            return remove(context, asked.request, call.remove_container().container_id());
        case Call::WAIT_NESTED_CONTAINER:
            if (!checked(call.wait_nested_container().container_id(), true)) return;
            return wait(context, asked.request, call.wait_nested_container().container_id());
        case Call::KILL_NESTED_CONTAINER: {
            const auto& kill_call = call.kill_nested_container();
            if (!checked(kill_call.container_id(), true)) return;
            return kill(context, asked.request, kill_call.container_id(),
                        kill_call.has_signal() ? kill_call.signal() : 9);
        }
        case Call::REMOVE_NESTED_CONTAINER:
            if (!checked(call.remove_nested_container().container_id(), true)) return;
            return remove(context, asked.request, call.remove_nested_container().container_id());
        default:
            answer_error(context, asked.request, Errc::unsupported, "not a call about a container");
    }
}

void on_nested_durable(Context& context, const ContainerId& container) {
    auto order = context.state.nested_orders.extract(container);
    const auto found = context.state.nested.find(container);
    if (order.empty() || found == context.state.nested.end()) return;
    NestedRun& run = found->second;
    const bool around = !run.parent || (run.id.has_parent() &&
                                        find_place(context.state, run.id.parent()).has_value());
    if (run.destroyed || !around) {
        nested_failed(context, {container, Error{Errc::cancelled, "it was killed before it ran"}});
        return;
    }
    launch_now(context, run, std::move(order.mapped()));
}

}  // namespace tepui::agent
