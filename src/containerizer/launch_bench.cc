// How near a launch comes to what the kernel must do for it anyway. Each figure stands beside the
// floor of the same run: cgroups with limits made, a vfork'ed child that joins them and executes
// /bin/true. Budget (performance.md): a start within 3x of the floor, at least 300 launches/s up
// and down.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <semaphore>

#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/roots.h"
#include "containerizer/containerizer.h"

namespace tepui::containerizer {
namespace {

const std::string k_base = "/tmp/tepui-cb-" + std::to_string(::getpid());
const std::string k_cgroups = "tepui-bench-" + std::to_string(::getpid());
std::atomic<std::uint64_t> serial = 0;

cgroups::Groups make_groups(const std::string& root) {
    cgroups::Groups groups(cgroups::find_hierarchies(), root,
                           {.cpu = true, .memory = true, .pids = true});
    groups.prepare();
    return groups;
}

/// Makes the cgroups and runs /bin/true in them up to its exec; returns the child.
pid_t bare_start(const cgroups::Groups& groups, const std::string& name) {
    (void)groups.create(name, {.cpus = 0.1, .mem_mb = 64, .pids_max = 100});
    std::vector<std::string> joins;
    for (const std::string& directory : groups.directories(name))
        joins.push_back(directory + "/cgroup.procs");
    const pid_t pid = ::vfork();
    if (pid == 0) {
        for (const std::string& join : joins) {
            const int fd = ::open(join.c_str(), O_WRONLY | O_CLOEXEC);
            if (::write(fd, "0", 1) != 1) ::_exit(2);
        }
        ::execl("/bin/true", "true", nullptr);
        ::_exit(1);
    }
    return pid;
}

void BM_BareStart(benchmark::State& bench) {
    const cgroups::Groups groups = make_groups(k_cgroups + "-bare");
    for (auto _ : bench) {
        const std::string name = std::to_string(serial++);
        const pid_t pid = bare_start(groups, name);
        bench.PauseTiming();
        ::waitpid(pid, nullptr, 0);
        groups.destroy(name, std::chrono::seconds(5));
        bench.ResumeTiming();
    }
    cgroups::remove_roots(k_cgroups + "-bare");
}
BENCHMARK(BM_BareStart)->UseRealTime();

void BM_BareUpAndDown(benchmark::State& bench) {
    const cgroups::Groups groups = make_groups(k_cgroups + "-bare");
    for (auto _ : bench) {
        const std::string name = std::to_string(serial++);
        ::waitpid(bare_start(groups, name), nullptr, 0);
        groups.destroy(name, std::chrono::seconds(5));
    }
    bench.SetItemsProcessed(bench.iterations());
    cgroups::remove_roots(k_cgroups + "-bare");
}
BENCHMARK(BM_BareUpAndDown)->UseRealTime();
BENCHMARK(BM_BareUpAndDown)->Name("BM_BareUpAndDownTwoThreads")->Threads(2)->UseRealTime();

LaunchSpec make_spec() {
    LaunchSpec spec;
    spec.container = ContainerId(std::to_string(serial++));
    spec.sandbox = k_base + "/work/slaves/a/frameworks/f/executors/e/runs/" + spec.container.value;
    spec.command.set_shell(false);
    spec.command.set_value("/bin/true");
    spec.cpus = 0.1;
    spec.mem_mb = 64;
    return spec;
}

std::unique_ptr<Containerizer> make_bench_containerizer() {
    Options options;
    options.work_dir = k_base + "/work";
    options.runtime_dir =
        "/run/tepui-cb-" + std::to_string(::getpid());  // In memory, as in production.
    options.shim_path = TEPUI_SHIM_PATH;
    options.cgroups_root = k_cgroups;
    return std::move(make_containerizer(options)).value();
}

/// launch() to the `started` callback, one at a time; the end is not timed.
void BM_Start(benchmark::State& bench) {
    const auto containerizer = make_bench_containerizer();
    for (auto _ : bench) {
        LaunchSpec spec = make_spec();
        const ContainerId id = spec.container;
        std::binary_semaphore started(0);
        std::binary_semaphore exited(0);
        containerizer->launch(
            std::move(spec),
            [&](auto result) {
                if (!result) {
                    bench.SkipWithError(result.error().error.text.c_str());
                    exited.release();
                }
                started.release();
            },
            [&](Exited) { exited.release(); });
        started.acquire();
        bench.PauseTiming();
        exited.acquire();
        containerizer->forget(id);
        bench.ResumeTiming();
    }
}
BENCHMARK(BM_Start)->UseRealTime();

/// Up and down, with `range` of them under way at any time.
void BM_UpAndDown(benchmark::State& bench) {
    const auto containerizer = make_bench_containerizer();
    std::counting_semaphore<> slots(bench.range(0));
    std::atomic<bool> failed = false;
    for (auto _ : bench) {
        slots.acquire();
        LaunchSpec spec = make_spec();
        const ContainerId id = spec.container;
        containerizer->launch(
            std::move(spec),
            [&](auto result) {
                if (!result) slots.release();
                if (!result) failed = true;
            },
            [&, id](Exited) {
                containerizer->forget(id);
                slots.release();
            });
    }
    for (std::int64_t i = 0; i < bench.range(0); ++i) slots.acquire();
    bench.SetItemsProcessed(bench.iterations());
    if (failed) bench.SkipWithError("a launch failed");
    std::filesystem::remove_all(k_base + "/work");
}
BENCHMARK(BM_UpAndDown)->Arg(1)->Arg(8)->Arg(200)->UseRealTime();

}  // namespace
}  // namespace tepui::containerizer
