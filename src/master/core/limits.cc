#include "master/core/limits.h"

#include <numeric>

#include "base/bytes.h"
#include "master/core/state.h"

namespace tepui::master {

namespace {

using mesos::v1::ExecutorInfo;
using mesos::v1::TaskInfo;

template <typename... Args>
OverLimit over(std::string_view counter, fmt::format_string<Args...> format, Args&&... args) {
    return {counter, {Errc::invalid_argument, fmt::format(format, std::forward<Args>(args)...)}};
}

template <typename Info>
std::size_t label_count(const Info& info) {
    return static_cast<std::size_t>(info.labels().labels_size() +
                                    info.discovery().labels().labels_size());
}

std::optional<OverLimit> judge_labels(const Limits& limits, std::string_view what,
                                      const std::string& name, std::size_t labels) {
    if (labels <= limits.labels) return std::nullopt;
    return over("limits/labels_refused",
                "{} '{}' has {} labels; the master's --max_labels allows {}", what, name, labels,
                limits.labels);
}

std::optional<OverLimit> judge_data(const Limits& limits, std::string_view what,
                                    const std::string& name, std::size_t bytes) {
    if (bytes <= limits.task_data_bytes) return std::nullopt;
    return over("limits/task_data_refused",
                "{} '{}' has 'data' of {} bytes; the master's --max_task_data_bytes allows {}",
                what, name, bytes, format_bytes({limits.task_data_bytes}));
}

std::optional<OverLimit> judge_executor(const Limits& limits, const ExecutorInfo& executor) {
    const std::string& name = executor.executor_id().value();
    if (auto data = judge_data(limits, "Executor", name, executor.data().size())) return data;
    return judge_labels(limits, "Executor", name, label_count(executor));
}

std::optional<OverLimit> judge_task(const Limits& limits, const TaskInfo& task) {
    const std::string& name = task.task_id().value();
    if (auto data = judge_data(limits, "Task", name, task.data().size())) return data;
    return judge_labels(limits, "Task", name, label_count(task));
}

// Of `more` tasks that are to come.
std::optional<OverLimit> judge_number(const State& state, const Framework& framework,
                                      std::size_t more) {
    const Limits& limits = state.config.limits;
    if (framework.tasks.size() + more > limits.tasks_per_framework) {
        return over("limits/tasks_per_framework_refused",
                    "Framework {} has {} tasks; the master's --max_tasks_per_framework allows {}",
                    framework.id, framework.tasks.size(), limits.tasks_per_framework);
    }
    const auto& by_state = state.tasks_by_state;
    const auto all = std::accumulate(by_state.begin(), by_state.end(), std::uint64_t{0});
    if (all + more <= limits.tasks) return std::nullopt;
    return over("limits/tasks_refused",
                "The cluster has {} tasks; the master's --max_tasks allows {}", all, limits.tasks);
}

}  // namespace

std::optional<OverLimit> over_framework_limit(const State& state, const FrameworkId& id) {
    if (state.frameworks.contains(id)) return std::nullopt;
    const auto& pending = state.pending.subscriptions;
    if (pending.contains(id)) return std::nullopt;
    std::size_t all = state.frameworks.size();
    const std::size_t limit = state.config.limits.frameworks;
    if (all + pending.size() < limit) return std::nullopt;
    for (const auto& [waiting, subscription] : pending) {
        if (!state.frameworks.contains(waiting)) ++all;
    }
    if (all < limit) return std::nullopt;
    return over("limits/frameworks_refused",
                "There are {} frameworks; the master's --max_frameworks allows {}: tear down one "
                "that is not needed",
                all, limit);
}

std::optional<OverLimit> over_label_limit(const Limits& limits,
                                          const mesos::v1::FrameworkInfo& info) {
    return judge_labels(limits, "Framework", info.name(),
                        static_cast<std::size_t>(info.labels().labels_size()));
}

std::optional<OverLimit> over_attribute_limit(const Limits& limits,
                                              const mesos::v1::AgentInfo& info) {
    const auto attributes = static_cast<std::size_t>(info.attributes_size());
    if (attributes <= limits.attributes_per_agent) return std::nullopt;
    return over("limits/attributes_refused",
                "The agent at {} has {} attributes; the master's --max_attributes_per_agent allows "
                "{}",
                agent_address(info), attributes, limits.attributes_per_agent);
}

std::optional<OverLimit> over_task_limits(const State& state, const Framework& framework,
                                          const TaskInfo& task) {
    const Limits& limits = state.config.limits;
    if (auto number = judge_number(state, framework, 1)) return number;
    if (task.has_executor()) {
        if (auto executor = judge_executor(limits, task.executor())) return executor;
    }
    return judge_task(limits, task);
}

std::optional<OverLimit> over_group_limits(const State& state, const Framework& framework,
                                           const mesos::v1::Offer::Operation::LaunchGroup& launch) {
    const Limits& limits = state.config.limits;
    const auto& tasks = launch.task_group().tasks();
    if (auto number = judge_number(state, framework, static_cast<std::size_t>(tasks.size()))) {
        return number;
    }
    if (auto executor = judge_executor(limits, launch.executor())) return executor;
    for (const TaskInfo& task : tasks) {
        if (auto judged = judge_task(limits, task)) return judged;
    }
    return std::nullopt;
}

std::optional<OverLimit> over_call_limits(const Limits& limits,
                                          const mesos::v1::scheduler::Call& call) {
    using Call = mesos::v1::scheduler::Call;
    if (call.type() == Call::UPDATE_FRAMEWORK) {
        return over_label_limit(limits, call.update_framework().framework_info());
    }
    if (call.type() != Call::MESSAGE) return std::nullopt;
    const std::size_t bytes = call.message().data().size();
    if (bytes <= limits.message_bytes) return std::nullopt;
    OverLimit refused =
        over("limits/messages_refused",
             "The message to executor '{}' has {} bytes; the master's --max_message_bytes allows "
             "{}",
             call.message().executor_id().value(), bytes, format_bytes({limits.message_bytes}));
    refused.error.code = Errc::too_large;
    return refused;
}

}  // namespace tepui::master
