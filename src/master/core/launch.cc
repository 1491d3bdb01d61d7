#include "master/core/launch.h"

#include <set>
#include <vector>

#include "base/assert.h"
#include "master/core/executor_validation.h"
#include "master/core/executors.h"
#include "master/core/ledger.h"
#include "master/core/limits.h"
#include "master/core/tally.h"
#include "master/core/task_validation.h"
#include "master/core/tasks.h"
#include "resources/redaction.h"
#include "resources/task_state.h"

namespace tepui::master {

namespace {

using mesos::v1::ExecutorInfo;
using mesos::v1::TaskInfo;
using mesos::v1::TaskStatus;
using Operation = mesos::v1::Offer::Operation;

// What an executor that is to run tasks of this operation takes out of the pool.
struct ExecutorPlan {
    bool is_new = false;
    Resources resources;  // Of a new one; those of a known one are charged already.
};

void fill_allocation(ResourceList& resources, const std::string& role) {
    for (mesos::v1::Resource& resource : resources) {
        if (!resource.has_allocation_info()) resource.mutable_allocation_info()->set_role(role);
    }
}

void prepare_executor(const Pool& pool, ExecutorInfo& executor) {
    fill_allocation(*executor.mutable_resources(), pool.role);
    complete_executor(executor, pool.framework.id);
}

Result<ExecutorPlan> judge_executor(const Pool& pool, const ExecutorInfo& executor) {
    TEPUI_CHECK_OK(validate_executor(executor, pool.framework.id));
    const ExecutorId id{executor.executor_id().value()};
    if (const Executor* known = find_executor(pool.agent, pool.framework.id, id)) {
        if (!same_executor(executor, *known->info)) {
            return fail(Errc::invalid_argument,
                        "Executor '{}' runs on agent {} with another ExecutorInfo: use that one, "
                        "or another executor id",
                        id, pool.agent.id);
        }
        return ExecutorPlan{};
    }
    return ExecutorPlan{true, TEPUI_TRY(Resources::parse(executor.resources()))};
}

// What the task needs for itself.
Result<Resources> judge_task(const Pool& pool, const TaskInfo& task, TaskPlace place) {
    TEPUI_CHECK_OK(validate_task(task, pool.agent.id, place));
    const TaskId id{task.task_id().value()};
    if (pool.framework.tasks.contains(id) || pool.framework.unreachable_tasks.contains(id)) {
        return fail(Errc::invalid_argument, "Task has duplicate ID: {}", id);
    }
    auto needed = Resources::parse(task.resources());
    if (!needed) return fail_with("Task uses invalid resources", needed.error());
    if (needed->empty()) return fail(Errc::invalid_argument, "Task uses no resources");
    return needed;
}

// Piece by piece, as they are charged: the sum of ranges, or sets, hides what two of them both
// want.
Result<void> judge_fit(const Pool& pool, const std::vector<Resources>& pieces,
                       std::string_view what) {
    Resources total;
    Resources left = pool.remaining;
    bool fits = true;
    for (const Resources& piece : pieces) {
        total += piece;
        fits = fits && left.contains(piece);
        left -= piece.nonshared();  // All may use what is shared.
    }
    if (fits) return {};
    if (pool.remaining.contains(total)) {
        return fail(Errc::invalid_argument,
                    "Some of the resources {} are wanted more than once by {} and its executor",
                    total.to_string(), what);
    }
    return fail(Errc::invalid_argument,
                "Total resources {} required by {} and its executor is more than available {}",
                total.to_string(), what, pool.remaining.to_string());
}

std::shared_ptr<const mesos::v1::Task> describe(const Framework& framework, const TaskInfo& task,
                                                const ExecutorInfo* executor,
                                                const Resources& resources) {
    auto info = std::make_shared<mesos::v1::Task>();
    info->set_name(task.name());
    *info->mutable_task_id() = task.task_id();
    info->mutable_framework_id()->set_value(framework.id.value);
    if (executor != nullptr) *info->mutable_executor_id() = executor->executor_id();
    *info->mutable_agent_id() = task.agent_id();
    info->set_state(mesos::v1::TASK_STAGING);
    *info->mutable_resources() = resources.to_proto();
    if (task.has_labels()) *info->mutable_labels() = task.labels();
    if (task.has_discovery()) *info->mutable_discovery() = task.discovery();
    if (task.has_container()) {
        *info->mutable_container() = task.container();
        redact_secrets(*info->mutable_container());
    }
    if (task.has_health_check()) {
        *info->mutable_health_check() = task.health_check();
        if (task.health_check().has_command()) {
            redact_secrets(*info->mutable_health_check()->mutable_command());
        }
    }
    if (task.has_kill_policy()) *info->mutable_kill_policy() = task.kill_policy();
    const bool executors_user = executor != nullptr && executor->command().has_user();
    info->set_user(task.command().has_user() ? task.command().user()
                   : executors_user          ? executor->command().user()
                                             : framework.info->user());
    *info->mutable_limits() = task.limits();
    return info;
}

// Takes resources out of the pool for a task or executor. Of what is shared the pool keeps a copy
// for others.
void charge(Turn& turn, Pool& pool, const Resources& needed) {
    share_offered(turn, pool.agent, pool.framework.id, needed.shared());
    pool.remaining -= needed.nonshared();
    use_offered(turn, pool.agent, pool.framework.id, needed);
}

// Takes the executor's share of the pool, if it is new, and makes its info the one form that is
// kept, compared and sent.
void charge_executor(Turn& turn, Pool& pool, ExecutorInfo& executor, ExecutorPlan plan) {
    if (!plan.is_new) {
        const ExecutorId id{executor.executor_id().value()};
        executor = *find_executor(pool.agent, pool.framework.id, id)->info;
        return;
    }
    charge(turn, pool, plan.resources);
    *executor.mutable_resources() = plan.resources.to_proto();
    // Kept and shown without its secrets, which the agent alone needs.
    auto kept = std::make_shared<ExecutorInfo>(executor);
    redact_secrets(*kept);
    add_executor(turn, pool.agent, pool.framework.id,
                 Executor{.info = std::move(kept),
                          .resources = std::move(plan.resources),
                          .launched_on = *pool.agent.link});
}

void charge_task(Turn& turn, Pool& pool, const TaskInfo& task, const ExecutorInfo* executor,
                 Resources needed) {
    TEPUI_ASSERT(pool.agent.connected());
    charge(turn, pool, needed);
    auto info = describe(pool.framework, task, executor, needed);
    add_task(turn, pool.framework, pool.agent,
             Task{.info = std::move(info),
                  .agent = pool.agent.id,
                  .resources = pool.framework.shapes.share(std::move(needed)),
                  .charged = true,
                  .launched_on = *pool.agent.link});
}

struct TaskPlan {
    Resources needed;
    std::optional<ExecutorPlan> executor;
};

Result<TaskPlan> plan_task(const Pool& pool, const TaskInfo& task) {
    TaskPlan plan{.needed = TEPUI_TRY(judge_task(pool, task, TaskPlace::alone)), .executor = {}};
    std::vector<Resources> pieces{plan.needed};
    if (task.has_executor()) {
        if (task.executor().type() == ExecutorInfo::DEFAULT) {
            return fail(Errc::invalid_argument,
                        "Executor '{}' of type DEFAULT runs task groups: use LAUNCH_GROUP",
                        task.executor().executor_id().value());
        }
        plan.executor = TEPUI_TRY(judge_executor(pool, task.executor()));
        pieces.push_back(plan.executor->resources);
    }
    TEPUI_CHECK_OK(judge_fit(pool, pieces, "task"));
    return plan;
}

void launch_task(Turn& turn, Pool& pool, TaskInfo& task) {
    if (auto over = over_task_limits(turn.state, pool.framework, task)) {
        turn.count(over->counter);
        refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                    TaskStatus::REASON_TASK_INVALID, std::move(over->error.text));
        return;
    }
    fill_allocation(*task.mutable_resources(), pool.role);
    if (task.has_executor()) prepare_executor(pool, *task.mutable_executor());
    auto plan = plan_task(pool, task);
    if (!plan) {
        refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                    TaskStatus::REASON_TASK_INVALID, std::move(plan.error().text));
        return;
    }
    link::ToAgent frame;
    link::RunTask& run = *frame.mutable_run_task();
    if (plan->executor) {
        run.set_launch_executor(plan->executor->is_new);
        charge_executor(turn, pool, *task.mutable_executor(), std::move(*plan->executor));
    }
    charge_task(turn, pool, task, task.has_executor() ? &task.executor() : nullptr,
                std::move(plan->needed));
    *run.mutable_framework() = *pool.framework.info;
    *run.mutable_task() = std::move(task);
    turn.send(pool.agent, std::move(frame));
}

struct GroupPlan {
    ExecutorPlan executor;
    std::vector<Resources> needed;  // Of each task.
};

Result<void> judge_shared_cgroups(const Pool& pool, const ExecutorInfo& executor,
                                  const mesos::v1::TaskGroupInfo& group) {
    const bool shared = shares_cgroups(group.tasks(0).container());
    const auto differs = [&](const std::string& task) {
        return fail(Errc::invalid_argument,
                    "Task '{}' and others of executor '{}' differ in "
                    "'container.linux_info.share_cgroups': all must have the same",
                    task, executor.executor_id().value());
    };
    for (const TaskInfo& task : group.tasks()) {
        if (shares_cgroups(task.container()) != shared) return differs(task.task_id().value());
    }
    const TaskKey first{pool.framework.id, TaskId{}};
    for (auto it = pool.agent.tasks.lower_bound(first);
         it != pool.agent.tasks.end() && it->first == pool.framework.id; ++it) {
        const TaskRecord& other = pool.framework.tasks.at(it->second).info;
        if (other.executor_id() == executor.executor_id().value() && !is_terminal(other.state()) &&
            shares_cgroups(other->container()) != shared) {
            return differs(it->second.value);
        }
    }
    return {};
}

Result<GroupPlan> plan_group(const Pool& pool, const ExecutorInfo& executor,
                             const mesos::v1::TaskGroupInfo& group) {
    GroupPlan plan{.executor = TEPUI_TRY(judge_executor(pool, executor)), .needed = {}};
    std::vector<Resources> pieces{plan.executor.resources};
    std::set<std::string> ids;
    for (const TaskInfo& task : group.tasks()) {
        const std::string& id = task.task_id().value();
        const auto named = [&](const Error& error) {
            return fail_with(fmt::format("Task '{}' is invalid", id), error);
        };
        auto needed = judge_task(pool, task, TaskPlace::in_group);
        if (!needed) return named(needed.error());
        if (const auto valid = validate_group_member(task, executor); !valid) {
            return named(valid.error());
        }
        if (!ids.insert(id).second) {
            return fail(Errc::invalid_argument, "Task '{}' is twice in the task group", id);
        }
        pieces.push_back(*needed);
        plan.needed.push_back(std::move(*needed));
    }
    TEPUI_CHECK_OK(judge_shared_cgroups(pool, executor, group));
    TEPUI_CHECK_OK(judge_fit(pool, pieces, "task group"));
    return plan;
}

void refuse_group(Turn& turn, const Pool& pool, const mesos::v1::TaskGroupInfo& group,
                  const std::string& message) {
    for (const TaskInfo& task : group.tasks()) {
        refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                    TaskStatus::REASON_TASK_GROUP_INVALID, message);
    }
}

void launch_group(Turn& turn, Pool& pool, Operation::LaunchGroup& launch, GroupPlan plan) {
    ExecutorInfo& executor = *launch.mutable_executor();
    link::ToAgent frame;
    link::RunTaskGroup& run = *frame.mutable_run_task_group();
    run.set_launch_executor(plan.executor.is_new);
    charge_executor(turn, pool, executor, std::move(plan.executor));
    auto needed = plan.needed.begin();
    for (TaskInfo& task : *launch.mutable_task_group()->mutable_tasks()) {
        task.clear_executor();
        charge_task(turn, pool, task, &executor, std::move(*needed++));
    }
    *run.mutable_framework() = *pool.framework.info;
    *run.mutable_executor() = std::move(executor);
    *run.mutable_task_group() = std::move(*launch.mutable_task_group());
    turn.send(pool.agent, std::move(frame));
}

}  // namespace

void refuse_task(Turn& turn, const Framework& framework, const TaskInfo& task,
                 mesos::v1::TaskState state, TaskStatus::Reason reason, std::string message) {
    TaskStatus status = make_status({.task = TaskId{task.task_id().value()},
                                     .state = state,
                                     .reason = reason,
                                     .message = std::move(message),
                                     .agent = AgentId{task.agent_id().value()}},
                                    turn.now.wall);
    count_end(turn, framework, state, &status);
    send_update(turn, framework, std::move(status));
}

void run_launch(Turn& turn, Pool& pool, Operation& operation) {
    turn.count("messages_launch_tasks");
    for (TaskInfo& task : *operation.mutable_launch()->mutable_task_infos()) {
        if (operation.has_id()) {
            refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                        TaskStatus::REASON_TASK_INVALID,
                        "Operation feedback (Operation.id) is not possible for LAUNCH");
        } else {
            launch_task(turn, pool, task);
        }
    }
}

void run_launch_group(Turn& turn, Pool& pool, Operation& operation) {
    turn.count("messages_launch_tasks");
    Operation::LaunchGroup& launch = *operation.mutable_launch_group();
    if (operation.has_id()) {
        return refuse_group(turn, pool, launch.task_group(),
                            "Operation feedback (Operation.id) is not possible for LAUNCH_GROUP");
    }
    if (launch.task_group().tasks().empty()) {
        turn.log(Severity::info, "Skipping LAUNCH_GROUP of framework {}: the group has no tasks",
                 pool.framework.id);
        return;
    }
    if (const auto over = over_group_limits(turn.state, pool.framework, launch)) {
        turn.count(over->counter);
        return refuse_group(turn, pool, launch.task_group(), over->error.text);
    }
    prepare_executor(pool, *launch.mutable_executor());
    for (TaskInfo& task : *launch.mutable_task_group()->mutable_tasks()) {
        fill_allocation(*task.mutable_resources(), pool.role);
        if (task.has_executor()) {
            fill_allocation(*task.mutable_executor()->mutable_resources(), pool.role);
        }
    }
    auto plan = plan_group(pool, launch.executor(), launch.task_group());
    if (!plan) return refuse_group(turn, pool, launch.task_group(), plan.error().text);
    launch_group(turn, pool, launch, std::move(*plan));
}

}  // namespace tepui::master
