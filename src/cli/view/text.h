#pragma once

#include <string>
#include <string_view>

#include "cli/table.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// Texts for people of what the wire carries, the same in every verb. All pure.

using ResourceList = google::protobuf::RepeatedPtrField<mesos::v1::Resource>;

/// "0.5"; at most three decimals.
std::string number_text(double value);
/// 1536 MB as "1.5GB"; without a fraction where there is none.
std::string format_megabytes(double megabytes);
/// A scalar of a resource with its unit: "512MB" for mem and disk, "0.5" for others.
std::string amount_text(std::string_view resource, double value);
/// "cpus 0.5, mem 32MB, ports 31000-31001"; empty for no resources.
std::string resources_text(const ResourceList& resources);
/// "31000-31001,31005-31005".
std::string ports_text(const ResourceList& resources);
std::string attributes_text(const google::protobuf::RepeatedPtrField<mesos::v1::Attribute>& list);
/// "a=b, c".
std::string labels_text(const mesos::v1::Labels& labels);

/// "2026-01-31T12:00:00Z"; empty for 0.
std::string time_text(double seconds_since_epoch);
double seconds_of(const mesos::v1::TimeInfo& time);
/// "12s ago", "3m ago", "5h ago", "2d ago".
std::string age_text(double seconds_since_epoch, double now);

/// "dev,prod"; of a framework without MULTI_ROLE its one role.
std::string roles_text(const mesos::v1::FrameworkInfo& info);
/// "RUNNING" of TASK_RUNNING, in the tone that fits.
Table::Cell task_state_cell(mesos::v1::TaskState state);
Table::Cell agent_state_cell(const mesos::v1::master::Response::GetAgents::Agent& agent);
Table::Cell framework_state_cell(
    const mesos::v1::master::Response::GetFrameworks::Framework& framework, bool completed);

/// "CONTAINER_LIMITATION_MEMORY" of REASON_CONTAINER_LIMITATION_MEMORY; empty where there is none.
std::string reason_text(const mesos::v1::TaskStatus& status);

/// Control characters as '?', so that nothing from the cluster steers a terminal.
std::string printable(std::string text);

}  // namespace tepui::cli
