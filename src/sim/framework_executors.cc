#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "resources/task_state.h"
#include "sim/framework_node.h"

// What a framework of the simulation launches, and what it does with its executors.
namespace tepui::sim {
namespace {

using mesos::v1::scheduler::Call;

constexpr double executor_cpus = 0.1;
constexpr double task_cpus = 0.5;

template <typename Resources>
void add_scalar(Resources& resources, const char* name, double value) {
    auto& resource = *resources.Add();
    resource.set_name(name);
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(value);
}

}  // namespace

mesos::v1::TaskInfo FrameworkNode::make_task(const mesos::v1::Offer& offer) {
    mesos::v1::TaskInfo task;
    task.set_name(fmt::format("{}-{}", name_, next_task_++));
    task.mutable_task_id()->set_value(task.name());
    *task.mutable_agent_id() = offer.agent_id();
    task.mutable_command()->set_value("true");
    add_scalar(*task.mutable_resources(), "cpus", task_cpus);
    add_scalar(*task.mutable_resources(), "mem", 64);
    return task;
}

void FrameworkNode::add_tasks(const mesos::v1::Offer& offer, double cpus,
                              mesos::v1::Offer::Operation& operation) {
    operation.set_type(mesos::v1::Offer::Operation::LAUNCH);
    const std::uint64_t count = 1 + timeline_.prng().below(3);
    for (std::uint64_t i = 0; i < count && cpus >= task_cpus + executor_cpus; ++i) {
        auto& task = *operation.mutable_launch()->add_task_infos();
        task = make_task(offer);
        cpus -= task_cpus;
        std::optional<Placement> placement;
        if (timeline_.chance(scenario_.executor_share)) {
            cpus -= give_executor(offer, task);
            placement = Placement{AgentId{offer.agent_id().value()},
                                  ExecutorId{task.executor().executor_id().value()}};
        }
        // A crash of its executor would leave the volume in use for a while.
        if (volume_ && !placement) *task.add_resources() = *std::exchange(volume_, std::nullopt);
        tasks_[task.name()] = {{}, offer.agent_id(), task.executor().executor_id().value()};
        truth_.launch_asked({*id_, TaskId{task.name()}}, placement);
    }
}

void FrameworkNode::add_pod(const mesos::v1::Offer& offer, double cpus,
                            mesos::v1::Offer::Operation& operation) {
    operation.set_type(mesos::v1::Offer::Operation::LAUNCH_GROUP);
    auto& launch = *operation.mutable_launch_group();
    auto& executor = *launch.mutable_executor();
    executor.set_type(mesos::v1::ExecutorInfo::DEFAULT);
    executor.mutable_executor_id()->set_value(fmt::format("p{}", timeline_.prng().below(2)));
    add_scalar(*executor.mutable_resources(), "cpus", executor_cpus);
    add_scalar(*executor.mutable_resources(), "mem", 32);
    add_scalar(*executor.mutable_resources(), "disk", pod_disk_mb);
    launch.mutable_task_group();
    const int group = next_group_++;
    const std::uint64_t count = 1 + timeline_.prng().below(3);
    for (std::uint64_t i = 0; i < count && cpus >= task_cpus + executor_cpus;
         ++i, cpus -= task_cpus) {
        auto& task = *launch.mutable_task_group()->add_tasks();
        task = make_task(offer);
        tasks_[task.name()] = {{}, offer.agent_id(), executor.executor_id().value()};
        truth_.launch_asked({*id_, TaskId{task.name()}},
                            Placement{AgentId{offer.agent_id().value()},
                                      ExecutorId{executor.executor_id().value()}, group});
    }
}

double FrameworkNode::give_executor(const mesos::v1::Offer& offer, mesos::v1::TaskInfo& task) {
    task.clear_command();
    auto& executor = *task.mutable_executor();
    executor.mutable_executor_id()->set_value(fmt::format("e{}", timeline_.prng().below(2)));
    executor.mutable_command()->set_value("./executor");
    add_scalar(*executor.mutable_resources(), "cpus", executor_cpus);
    add_scalar(*executor.mutable_resources(), "mem", 32);
    for (const auto& known : offer.executor_ids()) {
        if (known.value() == executor.executor_id().value()) return 0;
    }
    return executor_cpus;
}

void FrameworkNode::speak_to_executors() {
    std::set<std::pair<std::string, std::string>> executors;  // With their agents.
    for (const auto& [id, task] : tasks_) {
        if (!task.executor.empty() && task.state && !is_terminal(*task.state)) {
            executors.emplace(task.agent.value(), task.executor);
        }
    }
    for (const auto& [agent, executor] : executors) {
        Call message;
        message.set_type(Call::MESSAGE);
        message.mutable_message()->mutable_agent_id()->set_value(agent);
        message.mutable_message()->mutable_executor_id()->set_value(executor);
        message.mutable_message()->set_data(executor);
        if (timeline_.chance(0.2)) call(std::move(message));
        if (!timeline_.chance(scenario_.faults.executor_shutdown)) continue;
        Call shutdown;
        shutdown.set_type(Call::SHUTDOWN);
        shutdown.mutable_shutdown()->mutable_agent_id()->set_value(agent);
        shutdown.mutable_shutdown()->mutable_executor_id()->set_value(executor);
        truth_.shutdown_asked({*id_, ExecutorId{executor}}, AgentId{agent});
        // A pod ends its tasks itself, which nobody else can tell.
        if (executor.starts_with('p')) {
            truth_.told_to_end({*id_, ExecutorId{executor}}, AgentId{agent});
        }
        call(std::move(shutdown));
    }
}

}  // namespace tepui::sim
