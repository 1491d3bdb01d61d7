#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::master {

struct Framework;
struct Turn;

/// How often each value of an enum was seen, by its number. Numbers that the enum does not have are
/// not counted.
struct CountByNumber {
    std::array<std::uint64_t, 32> counts{};

    void add(int number) {
        if (number >= 0 && static_cast<std::size_t>(number) < counts.size()) ++counts[number];
    }
    std::uint64_t of(int number) const { return counts.at(number); }
    std::uint64_t sum() const;
};

/// What one framework asked for and was told since this master knows it: the source of
/// master/frameworks/<name>/<id>/... in the metrics.
struct FrameworkTally {
    CountByNumber calls;       // By scheduler::Call::Type.
    CountByNumber events;      // By scheduler::Event::Type.
    CountByNumber operations;  // By Offer::Operation::Type, those of valid ACCEPTs.
    CountByNumber ended;       // By TaskState: terminal states its tasks came to.
    std::uint64_t offers_sent = 0;
    std::uint64_t offers_accepted = 0;
    std::uint64_t offers_declined = 0;
    std::uint64_t offers_rescinded = 0;
    Duration offers_held{0};  // How long it held its offers that ended, all together.

    /// Counts an event that goes to the framework, and the offers in it.
    void sent(const mesos::v1::scheduler::Event& event);
};

/// Counts a task's terminal (or LOST) state: "tasks_failed", the framework's, and
/// "task_failed/source_executor/reason_..." when the status says who and why.
void count_end(Turn& turn, const Framework& framework, mesos::v1::TaskState state,
               const mesos::v1::TaskStatus* status);

}  // namespace tepui::master
