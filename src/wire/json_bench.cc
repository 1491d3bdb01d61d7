// Budgets on one core at -O2: writing 500 MB/s, reading 150 MB/s (both of a GET_STATE-like answer).

#include <benchmark/benchmark.h>

#include "mesos/v1/master/master.pb.h"
#include "wire/json.h"

namespace tepui::wire {
namespace {

namespace v1 = mesos::v1;

void add_scalar(v1::Resource& resource, const char* name, double value) {
    resource.set_name(name);
    resource.set_type(v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(value);
    resource.mutable_allocation_info()->set_role("engineering/web");
}

v1::master::Response state_of(std::int64_t tasks) {
    v1::master::Response response;
    response.set_type(v1::master::Response::GET_TASKS);
    for (std::int64_t i = 0; i < tasks; ++i) {
        auto& task = *response.mutable_get_tasks()->add_tasks();
        task.set_name("web-" + std::to_string(i));
        task.mutable_task_id()->set_value("web." + std::to_string(i) + ".0f5a1d58-3b1c-4e6c");
        task.mutable_framework_id()->set_value("8c455cbe-0c41-472a-8fdd-d3aafa2f2b0f-0022");
        task.mutable_agent_id()->set_value("8c455cbe-0c41-472a-8fdd-d3aafa2f2b0f-S0");
        task.set_state(v1::TASK_RUNNING);
        add_scalar(*task.add_resources(), "cpus", 0.5);
        add_scalar(*task.add_resources(), "mem", 128);
        auto& status = *task.add_statuses();
        *status.mutable_task_id() = task.task_id();
        status.set_state(v1::TASK_RUNNING);
        status.set_source(v1::TaskStatus::SOURCE_EXECUTOR);
        status.set_timestamp(1795370753.522846);
        status.set_uuid("0123456789abcdef");
        auto& label = *task.mutable_labels()->add_labels();
        label.set_key("owner");
        label.set_value("the team that runs \"web\"");
    }
    return response;
}

void BM_Write(benchmark::State& bench) {
    const auto response = state_of(bench.range(0));
    std::string out;
    for (auto _ : bench) {
        out.clear();
        message_to_json(response, out);
        benchmark::DoNotOptimize(out.data());
    }
    bench.SetBytesProcessed(bench.iterations() * static_cast<std::int64_t>(out.size()));
}
BENCHMARK(BM_Write)->Arg(1)->Arg(1000)->Arg(50'000);

void BM_Read(benchmark::State& bench) {
    const std::string json = message_to_json(state_of(bench.range(0)));
    v1::master::Response response;
    for (auto _ : bench) benchmark::DoNotOptimize(json_to_message(json, response));
    bench.SetBytesProcessed(bench.iterations() * static_cast<std::int64_t>(json.size()));
}
BENCHMARK(BM_Read)->Arg(1)->Arg(1000)->Arg(50'000);

}  // namespace
}  // namespace tepui::wire
