/// Budgets at -O2 on one core, of the median round: 10,000 agents and 1,000 frameworks cold within
/// 50 ms, one agent in a hundred dirty within 2 ms, idle within 10 us at any size, also with 3,000
/// agents and 3,000 roles that have a quota each.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <new>

#include <unistd.h>

#include "allocator/allocator.h"

namespace {
std::uint64_t heap_allocations = 0;
}

void* operator new(std::size_t size) {
    ++heap_allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tepui::allocator {
namespace {

FrameworkId framework_id(std::int64_t i) {
    return FrameworkId(fmt::format("310fb119-cdec-47d6-b8a1-0a36e404d269-{:04}", i));
}

AgentId agent_id(std::int64_t i) {
    return AgentId(fmt::format("310fb119-cdec-47d6-b8a1-0a36e404d269-S{}", i));
}

Resources machine() {
    return *Resources::parse_flag("cpus:16;mem:65536;disk:500000;ports:[31000-32000]");
}

/// range(0) agents, range(1) frameworks in range(2) roles; with range(3) each role has a quota that
/// is its part of the cluster.
struct Cluster {
    explicit Cluster(const benchmark::State& bench)
        : Cluster(bench.range(0), bench.range(1), bench.range(2), bench.range(3) != 0) {}

    Cluster(std::int64_t agents, std::int64_t frameworks, std::int64_t roles, bool quota)
        : allocator(Options{}) {
        const auto total = machine();
        for (std::int64_t i = 0; i < agents; ++i) allocator.add_agent({agent_id(i), total, {}}, {});
        for (std::int64_t i = 0; i < frameworks; ++i) {
            allocator.add_framework({framework_id(i), {"role" + std::to_string(i % roles)}, {}, {}},
                                    true);
        }
        if (!quota) return;
        Quantities part = total.scalars();
        for (auto& [name, quantity] : part) quantity.milli = quantity.milli * agents / roles;
        for (std::int64_t i = 0; i < roles; ++i) {
            allocator.set_quota("role" + std::to_string(i), {part, part});
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

/// Times rounds one by one; reports the median, offers and heap allocations of one.
class Rounds {
public:
    explicit Rounds(benchmark::State& bench) : bench_(bench) {}
    ~Rounds() {
        if (seconds_.empty()) return;
        const auto middle = seconds_.begin() + static_cast<std::ptrdiff_t>(seconds_.size() / 2);
        std::nth_element(seconds_.begin(), middle, seconds_.end());
        bench_.counters["p50_ms"] = *middle * 1e3;
        bench_.counters["offers"] = static_cast<double>(offers_) / rounds();
        bench_.counters["heap"] = static_cast<double>(heap_) / rounds();
    }
    void round(Cluster& cluster) {
        const auto heap = heap_allocations;
        const auto begin = std::chrono::steady_clock::now();
        cluster.allocate();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        heap_ += heap_allocations - heap;
        offers_ += cluster.held.size();
        seconds_.push_back(took.count());
        bench_.SetIterationTime(took.count());
    }

private:
    double rounds() const { return static_cast<double>(seconds_.size()); }
    benchmark::State& bench_;
    std::vector<double> seconds_;
    std::uint64_t heap_ = 0;
    std::uint64_t offers_ = 0;
};

/// The first round: everything is new.
void BM_Cold(benchmark::State& bench) {
    Rounds rounds(bench);
    for (auto _ : bench) {
        Cluster cluster(bench);
        rounds.round(cluster);
    }
}

/// All offers were declined for an hour. Each framework refuses what it was offered, so that in
/// time all have refused all.
void BM_Declined(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    Rounds rounds(bench);
    for (auto _ : bench) {
        if (cluster.held.empty()) {
            cluster.now += std::chrono::hours{1};
            cluster.allocate();
        }
        for (std::size_t i = 0; i < cluster.held.size(); ++i)
            cluster.recover(i, std::chrono::hours{1});
        rounds.round(cluster);
    }
}

/// One agent in a hundred got something back.
void BM_Dirty1(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    auto all = cluster.held;
    std::map<AgentId, std::size_t> place;
    for (std::size_t i = 0; i < all.size(); ++i) place[all[i].agent] = i;
    std::size_t next = 0;
    Rounds rounds(bench);
    for (auto _ : bench) {
        for (std::size_t i = 0; i < all.size() / 100; ++i) {
            const auto& offer = all[next++ % all.size()];
            cluster.allocator.recover(offer.framework, offer.agent, offer.resources, {},
                                      cluster.now);
        }
        rounds.round(cluster);
        for (auto& offer : cluster.held) all[place.at(offer.agent)] = offer;
    }
}

/// As above, when everybody else has refused these agents: the whole order is walked in vain.
void BM_Dirty1Refused(benchmark::State& bench) {
    Cluster cluster(bench.range(0) / 100, bench.range(1), bench.range(2), false);
    cluster.allocate();
    while (!cluster.held.empty()) {
        for (std::size_t i = 0; i < cluster.held.size(); ++i)
            cluster.recover(i, std::chrono::hours{1});
        cluster.allocate();
    }
    const auto total = machine();
    Rounds rounds(bench);
    for (auto _ : bench) {
        for (std::int64_t i = 0; i < bench.range(0) / 100; ++i) {
            cluster.allocator.update_agent(agent_id(i), total);
        }
        rounds.round(cluster);
    }
}

/// One framework joins a cluster where all others refused everything.
void BM_Join(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    for (std::size_t i = 0; i < cluster.held.size(); ++i) cluster.recover(i, std::chrono::hours{1});
    cluster.allocate();
    Rounds rounds(bench);
    for (auto _ : bench) {
        cluster.allocator.add_framework({FrameworkId("new"), {"role0"}, {}, {}}, true);
        rounds.round(cluster);
        cluster.allocator.remove_framework(FrameworkId("new"));
        cluster.allocate();
    }
}

void BM_Idle(benchmark::State& bench) {
    Cluster cluster(bench);
    cluster.allocate();
    cluster.allocate();
    Rounds rounds(bench);
    for (auto _ : bench) rounds.round(cluster);
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

double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// Bytes of an agent that is offered to somebody, without what the program holds itself.
void BM_Memory(benchmark::State& bench) {
    for (auto _ : bench) {
        const double before = resident_bytes();
        Cluster cluster(bench);
        cluster.allocator.allocate(cluster.now);
        bench.counters["bytes_an_agent"] =
            (resident_bytes() - before) / static_cast<double>(bench.range(0));
    }
}

void grid(benchmark::internal::Benchmark* bench) {
    bench->Unit(benchmark::kMillisecond)
        ->UseManualTime()
        ->ArgNames({"agents", "frameworks", "roles", "quota"});
    for (const std::int64_t agents : {1'000, 10'000, 50'000}) {
        for (const std::int64_t frameworks : {10, 200, 1'000}) {
            for (const std::int64_t roles : {std::int64_t{1}, frameworks}) {
                bench->Args({agents, frameworks, roles, 0});
            }
        }
    }
    bench->Args({3'000, 3'000, 3'000, 1});
}

void few(benchmark::internal::Benchmark* bench) {
    bench->Unit(benchmark::kMillisecond)->Args({10'000, 1'000, 10, 0});
}

// First, while the heap holds nothing that could be used again.
BENCHMARK(BM_Memory)->Iterations(1)->Args({50'000, 200, 10, 0});
BENCHMARK(BM_Cold)->Apply(grid)->Iterations(7);
BENCHMARK(BM_Declined)->Apply(grid)->Iterations(15);
BENCHMARK(BM_Dirty1)->Apply(grid)->Iterations(50);
BENCHMARK(BM_Idle)->Apply(grid)->Iterations(1'000);
BENCHMARK(BM_Dirty1Refused)->Apply(few)->UseManualTime()->Iterations(50);
BENCHMARK(BM_Join)->Apply(few)->UseManualTime()->Iterations(20);
BENCHMARK(BM_Recover)->Apply(few)->Iterations(100'000);

}  // namespace
}  // namespace tepui::allocator
