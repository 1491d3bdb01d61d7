#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace tepui::simulate {

/// A cluster to try: equal agents, and frameworks that together want to keep every agent full.
struct CapacityPlan {
    std::uint32_t agents = 1000;
    std::uint32_t frameworks = 10;
    std::uint32_t roles = 10;            // Frameworks are spread over them; at most as many count.
    std::uint32_t tasks_per_agent = 10;  // What an agent has room for; all tasks are of one size.
    Duration task_time = std::chrono::minutes{5};  // The mean; exponentially distributed.
    Duration length = std::chrono::minutes{10};    // Of the simulated time.
    std::uint64_t seed = 1;
};

/// Of some durations, in milliseconds.
struct Percentiles {
    std::uint64_t count = 0;
    double p50 = 0;
    double p99 = 0;
    double max = 0;
};

struct CapacityReport {
    std::uint64_t offers = 0;
    std::uint64_t declined = 0;
    std::uint64_t tasks_launched = 0;
    std::uint64_t tasks_finished = 0;
    double tasks_a_second = 0;       // Launched, by simulated time.
    double tasks_a_real_second = 0;  // What this machine's core sustains with such a master.
    double utilisation = 0;  // Mean fraction of the cpus in use after all had the time to start.
    Duration full_after{};   // Until 95 % of all cpus were in use; 0 if never.
    Percentiles launch_wait_ms;  // Simulated: from wanting a task to the ACCEPT for it.
    Percentiles start_wait_ms;   // Simulated: from wanting a task to TASK_RUNNING.
    Percentiles master_step_ms;  // Real: what one event costs the master, offers included.
    double real_seconds = 0;     // Of the whole run.
    std::map<std::string, double> shares;  // By role: mean fraction of the cpus in use.
};

/// Runs the real master core with its allocator under virtual time, against agents and schedulers
/// that answer as real ones do but run nothing. The same plan gives the same offers.
/// `progress` is told the fraction done, now and then, and ends the run by returning false
/// (cancelled). Fails with invalid_argument for counts of 0.
Result<CapacityReport> run_capacity(const CapacityPlan& plan,
                                    const std::function<bool(double)>& progress = nullptr);

}  // namespace tepui::simulate
