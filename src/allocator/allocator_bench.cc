/// Budgets at -O2 on one core: 10,000 agents and 1,000 frameworks cold within 50 ms, one agent in a
/// hundred dirty within 2 ms, idle within 10 us.
#include <benchmark/benchmark.h>

#include "allocator/allocator.h"

namespace tepui::allocator {
namespace {

FrameworkId framework_id(std::int64_t i) {
    return FrameworkId(fmt::format("310fb119-cdec-47d6-b8a1-0a36e404d269-{:04}", i));
}

AgentId agent_id(std::int64_t i) {
    return AgentId(fmt::format("310fb119-cdec-47d6-b8a1-0a36e404d269-S{}", i));
}

/// range(0) agents, range(1) frameworks in ten roles.
struct Cluster {
    explicit Cluster(const benchmark::State& bench) : Cluster(bench.range(0), bench.range(1)) {}

    Cluster(std::int64_t agents, std::int64_t frameworks) : allocator(Options{}) {
        const auto total =
            *Resources::parse_flag("cpus:16;mem:65536;disk:500000;ports:[31000-32000]");
        for (std::int64_t i = 0; i < agents; ++i) allocator.add_agent({agent_id(i), total, {}}, {});
        for (std::int64_t i = 0; i < frameworks; ++i) {
            allocator.add_framework({framework_id(i), {"role" + std::to_string(i % 10)}, {}, {}},
                                    true);
        }
    }

    void allocate() { held = allocator.allocate(now); }
    void recover(std::size_t i, std::optional<Duration> refuse = {}) {
        const auto& offer = held[i];
        allocator.recover(offer.framework, offer.agent, offer.resources, refuse, now);
    }

    Allocator allocator;
    Instant now;
    std::vector<Allocation> held;
};

/// The first round: everything is new.
void BM_Cold(benchmark::State& bench) {
    for (auto _ : bench) {
        bench.PauseTiming();
        auto cluster = std::make_unique<Cluster>(bench);
        bench.ResumeTiming();
        cluster->allocate();
        benchmark::DoNotOptimize(cluster->held);
        bench.PauseTiming();
        bench.counters["offers"] = static_cast<double>(cluster->held.size());
        cluster.reset();
        bench.ResumeTiming();
    }
}

/// A round after everybody's offers were declined with long filters, a few rounds in.
void BM_Declined(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    for (auto _ : bench) {
        bench.PauseTiming();
        for (std::size_t i = 0; i < cluster.held.size(); ++i)
            cluster.recover(i, std::chrono::hours{1});
        // All have refused all: a new hour.
        bench.ResumeTiming();
        cluster.allocate();
        bench.PauseTiming();
        if (cluster.held.empty()) {
            cluster.now += std::chrono::hours{1};
            cluster.allocate();
        }
        bench.ResumeTiming();
    }
}

/// One agent in a hundred got something back.
void BM_Dirty1(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    auto all = cluster.held;
    std::size_t next = 0;
    for (auto _ : bench) {
        bench.PauseTiming();
        for (std::size_t i = 0; i < all.size() / 100; ++i) {
            const auto& offer = all[next++ % all.size()];
            cluster.allocator.recover(offer.framework, offer.agent, offer.resources, {},
                                      cluster.now);
        }
        bench.ResumeTiming();
        cluster.allocate();
        bench.PauseTiming();
        for (auto& offer : cluster.held) {
            for (std::size_t i = next - all.size() / 100; i < next; ++i) {
                if (all[i % all.size()].agent == offer.agent) all[i % all.size()] = offer;
            }
        }
        bench.ResumeTiming();
    }
}

/// As above, when everybody else has refused these agents: the whole order is walked in vain.
void BM_Dirty1Refused(benchmark::State& bench) {
    Cluster cluster(bench.range(0) / 100, bench.range(1));
    cluster.allocate();
    while (!cluster.held.empty()) {
        for (std::size_t i = 0; i < cluster.held.size(); ++i)
            cluster.recover(i, std::chrono::hours{1});
        cluster.allocate();
    }
    const auto total = *Resources::parse_flag("cpus:16;mem:65536;disk:500000;ports:[31000-32000]");
    for (auto _ : bench) {
        bench.PauseTiming();
        for (std::int64_t i = 0; i < bench.range(0) / 100; ++i) {
            cluster.allocator.update_agent(agent_id(i), total);
        }
        bench.ResumeTiming();
        cluster.allocate();
    }
}

/// One framework joins a cluster where all others refused everything.
void BM_Join(benchmark::State& bench) {
    Cluster cluster(bench.range(0), 1);
    cluster.allocate();
    for (std::size_t i = 0; i < cluster.held.size(); ++i) cluster.recover(i, std::chrono::hours{1});
    cluster.allocate();
    for (auto _ : bench) {
        cluster.allocator.add_framework({FrameworkId("new"), {"role1"}, {}, {}}, true);
        cluster.allocate();
        bench.PauseTiming();
        cluster.allocator.remove_framework(FrameworkId("new"));
        cluster.allocate();
        bench.ResumeTiming();
    }
}

void BM_Idle(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    for (auto _ : bench) cluster.allocate();
}

/// What a finished task or a declined offer costs.
void BM_Recover(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    std::size_t i = 0;
    for (auto _ : bench) {
        cluster.recover(i++);
        if (i < cluster.held.size()) continue;
        bench.PauseTiming();
        cluster.allocate();
        i = 0;
        bench.ResumeTiming();
    }
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->Unit(benchmark::kMicrosecond)->ArgsProduct({{1'000, 10'000}, {10, 200, 1'000}});
}

BENCHMARK(BM_Cold)->Apply(sizes);
BENCHMARK(BM_Declined)->Apply(sizes)->Iterations(100);
BENCHMARK(BM_Dirty1)->Apply(sizes)->Iterations(200);
BENCHMARK(BM_Dirty1Refused)->Apply(sizes)->Iterations(200);
BENCHMARK(BM_Idle)->Apply(sizes);
BENCHMARK(BM_Recover)->Apply(sizes);
BENCHMARK(BM_Join)
    ->Unit(benchmark::kMicrosecond)
    ->ArgsProduct({{1'000, 10'000}, {1}})
    ->Iterations(20);

}  // namespace
}  // namespace tepui::allocator
