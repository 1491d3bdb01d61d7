// What reads of a big cluster cost: 10,000 agents, 100,000 tasks.
#include <benchmark/benchmark.h>

#include "master/facts.h"
#include "master/snapshot/legacy_views.h"
#include "master/snapshot/snapshot_builder.h"
#include "master/snapshot/v1_views.h"

namespace tepui::master {
namespace {

const FrameworkId framework_id{"m-0000"};

std::shared_ptr<const mesos::v1::Task> make_task(std::size_t i, std::size_t agents) {
    auto task = std::make_shared<mesos::v1::Task>();
    task->set_name("web");
    task->mutable_task_id()->set_value(fmt::format("task-{:06}", i));
    task->mutable_framework_id()->set_value(framework_id.value);
    task->mutable_agent_id()->set_value(fmt::format("m-S{}", i % agents));
    task->set_state(mesos::v1::TASK_RUNNING);
    *task->mutable_resources() =
        Resources::parse_flag("cpus:0.1;mem:32")->allocated_to("*").to_proto();
    auto* status = task->add_statuses();
    *status->mutable_task_id() = task->task_id();
    status->set_state(mesos::v1::TASK_RUNNING);
    status->set_timestamp(1'700'000'000.0 + static_cast<double>(i));
    return task;
}

/// A builder that has followed a big cluster from its beginning.
struct Cluster {
    static constexpr std::size_t agents = 10'000;
    static constexpr std::size_t tasks = 100'000;

    Cluster()
        : builder(std::make_shared<const MasterFacts>(make_facts({}, "m", 5050, "", WallTime{}))) {
        const Resources total =
            *Resources::parse_flag("cpus:16;mem:65536;disk:100000;ports:[31000-32000]");
        for (std::size_t i = 0; i < agents; ++i) {
            Agent agent;
            agent.id = AgentId(fmt::format("m-S{}", i));
            auto info = std::make_shared<mesos::v1::AgentInfo>();
            info->set_hostname(fmt::format("host-{}", i));
            info->mutable_id()->set_value(agent.id.value);
            agent.info = std::move(info);
            agent.link = LinkId{1};
            agent.total = total;
            agent.used[framework_id] = Resources::parse_flag("cpus:1;mem:320")->allocated_to("*");
            state.agents.emplace(agent.id, std::move(agent));
        }
        Framework framework;
        framework.id = framework_id;
        auto info = std::make_shared<mesos::v1::FrameworkInfo>();
        info->set_user("u");
        info->set_name("n");
        info->mutable_id()->set_value(framework_id.value);
        framework.info = std::move(info);
        for (std::size_t i = 0; i < tasks; ++i) {
            const auto task = make_task(i, agents);
            framework.tasks[TaskId(task->task_id().value())].info = task;
        }
        state.frameworks.emplace(framework_id, std::move(framework));
        builder.apply(state, {});
    }

    void change_task(std::size_t i) {
        const auto task = make_task(i, agents);
        const TaskId id(task->task_id().value());
        state.frameworks.at(framework_id).tasks[id].info = task;
        Changes changes;
        changes.tasks.insert({framework_id, id});
        builder.apply(state, changes);
    }

    static Cluster& shared() {
        static Cluster cluster;
        return cluster;
    }

    State state;
    SnapshotBuilder builder;
};

/// Budget: what the loop pays for a changed task and a snapshot, under 200 us.
void BM_ChangeAndPublish(benchmark::State& bench) {
    Cluster& cluster = Cluster::shared();
    std::size_t i = 0;
    for (auto _ : bench) {
        cluster.change_task(i++ % Cluster::tasks);
        benchmark::DoNotOptimize(cluster.builder.publish());
    }
}
BENCHMARK(BM_ChangeAndPublish)->Unit(benchmark::kMicrosecond);

/// Budget: /state after one change, near the cost of copying its bytes: under 200 ms.
template <std::string (*render)(const Snapshot&)>
void BM_RenderAfterOneChange(benchmark::State& bench) {
    Cluster& cluster = Cluster::shared();
    benchmark::DoNotOptimize(render(*cluster.builder.publish()));  // Fills the fragments.
    std::size_t i = 0;
    std::size_t bytes = 0;
    for (auto _ : bench) {
        cluster.change_task(i++ % Cluster::tasks);
        const std::string body = render(*cluster.builder.publish());
        bytes += body.size();
    }
    bench.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
std::string get_state_json(const Snapshot& snapshot) {
    return render_get_state(snapshot, wire::Media::json);
}
BENCHMARK(BM_RenderAfterOneChange<render_state>)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RenderAfterOneChange<render_state_summary>)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RenderAfterOneChange<get_state_json>)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tepui::master
