#pragma once

#include <string>

#include "base/time.h"

namespace tepui::sim {

/// How hard a world is on its nodes; all probabilities are a second's, unless said otherwise.
struct Faults {
    double master_crash = 0.02;
    double agent_crash = 0.03;  // Each agent.
    double agent_reboot = 0.004;
    double framework_crash = 0.02;
    double connection_break = 0.05;
    double partition = 0.02;  // Of one agent or framework; one way or both.
    double slow_disk = 0.02;
    double clock_jump = 0.01;  // Of the wall clock, up to an hour either way.
    double crash_an_effect =
        0.0005;                     // A process dies between two effects of one step; each effect.
    double launch_failure = 0.03;   // Each launch.
    double ignores_term = 0.1;      // Each container.
    double executor_crash = 0.1;    // Each executor, within its first half minute.
    double executor_silent = 0.03;  // Each executor: it never subscribes.
    double executor_shutdown = 0.05;  // By its framework; each executor, every few seconds.
    double drain = 0.004;             // Or deactivation, by an operator; each agent.
    double maintenance = 0.02;        // Another schedule.
    Duration down_longest = 20s;      // A crashed process comes back within this.
    Duration partition_longest = 30s;
    double gone = 0.002;         // By an operator's word; each agent.
    double machine_down = 0.02;  // A machine of the schedule.
    double sharing = 0.15;       // Another quota, weight or whitelist.
    double priorities = 0.1;     // Another band of a role.

    static Faults none() {
        return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1s, 1s, 0, 0, 0, 0};
    }
};

/// The size of a world and what it is put through.
struct Scenario {
    int agents = 3;
    int frameworks = 2;
    Duration chaos = 120s;  // With faults.
    Duration settle = 90s;  // After it, without; at its end everything must have converged.
    Faults faults;
    bool partition_aware = true;
    bool checkpoint = true;
    bool sub_roles = false;        // Frameworks are in a role and one below it.
    double executor_share = 0.4;   // Of the tasks, those with custom executors.
    double pod_share = 0.3;        // Of the launches, those of task groups.
    double operation_share = 0.4;  // Of the accepted offers, those with reservations and volumes.
    double demand_share = 0.3;     // Of the frameworks, those that say how large offers must be.
    Duration failover_timeout = std::chrono::hours{24};
};

}  // namespace tepui::sim
