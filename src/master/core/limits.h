#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

// How much there may be of what others make, and how large it may be.
namespace tepui::master {

struct State;
struct Framework;

/// The defaults are far beyond honest use: they keep one client's mistake from taking the memory
/// of the master, which all share.
struct Limits {
    std::size_t frameworks = 100'000;
    std::size_t tasks = 10'000'000;               // Until their end is acknowledged.
    std::size_t tasks_per_framework = 5'000'000;  // The same.
    std::size_t attributes_per_agent = 10'000;
    std::size_t labels = 10'000;  // Of a framework, of a task, of an executor.
    std::size_t task_data_bytes = std::size_t{16} << 20;  // TaskInfo.data, ExecutorInfo.data.
    std::size_t message_bytes = std::size_t{16} << 20;    // MESSAGE to an executor.
};

/// Something that a limit refuses.
struct OverLimit {
    std::string_view counter;  // Counts such refusals, among State::counters.
    Error error;               // Names the object, the limit and the flag that sets it.
};

/// Whether one more framework, of that id if it has one already, would be too many. One that is
/// known never is.
std::optional<OverLimit> over_framework_limit(const State& state, const FrameworkId& id);
std::optional<OverLimit> over_label_limit(const Limits& limits,
                                          const mesos::v1::FrameworkInfo& info);
std::optional<OverLimit> over_attribute_limit(const Limits& limits,
                                              const mesos::v1::AgentInfo& info);
/// A task of LAUNCH: the number of tasks, and its size and that of its executor.
std::optional<OverLimit> over_task_limits(const State& state, const Framework& framework,
                                          const mesos::v1::TaskInfo& task);
/// The same of a whole group.
std::optional<OverLimit> over_group_limits(const State& state, const Framework& framework,
                                           const mesos::v1::Offer::Operation::LaunchGroup& launch);
/// Calls that are answered at once: MESSAGE (too_large), UPDATE_FRAMEWORK.
std::optional<OverLimit> over_call_limits(const Limits& limits,
                                          const mesos::v1::scheduler::Call& call);

}  // namespace tepui::master
