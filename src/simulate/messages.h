#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "tepui/link.pb.h"

// What simulated agents and frameworks say. Amounts are thousandths.
namespace tepui::simulate {

mesos::v1::MasterInfo master_info();
/// Of the framework with that number, in one role.
mesos::v1::FrameworkInfo framework_info(std::size_t number, const std::string& role);
/// The first registration of the agent with that number.
link::ToMaster registration(std::size_t number, std::int64_t cpus_milli, std::int64_t mem_milli);
mesos::v1::TaskInfo task_info(const std::string& id, const mesos::v1::AgentID& agent,
                              const std::string& role, std::int64_t cpus_milli,
                              std::int64_t mem_milli);
/// An agent's word on a task; `uuid` are 16 bytes.
link::ToMaster status_update(const std::string& agent, const mesos::v1::FrameworkID& framework,
                             const mesos::v1::TaskID& task, mesos::v1::TaskState state, WallTime at,
                             std::string uuid);
mesos::v1::scheduler::Call acknowledgement(const mesos::v1::TaskStatus& status);

}  // namespace tepui::simulate
