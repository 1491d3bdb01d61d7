#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesos/v1/master/master.pb.h"
#include "resources/resources.h"

// Changes of how a cluster is shared: from what a person asks for and what the master says now to
// the operator call that does it, and to the lines that say what it will change. All pure.
namespace tepui::cli {

/// A change that was not made yet.
struct Change {
    mesos::v1::master::Call call;
    std::vector<std::string> lines;     // What will be different, for people.
    std::vector<std::string> warnings;  // What may hurt.
};

/// "cpus:4;mem:1024" (or Mesos' JSON) as amounts; fails on what is no scalar.
Result<Quantities> parse_amounts(const std::string& text);
using ScalarMap = google::protobuf::Map<std::string, mesos::v1::Value::Scalar>;
/// Without zeros.
Quantities amounts_of(const ScalarMap& scalars);
/// "cpus 4, mem 1GB"; "none" when empty.
std::string amounts_text(const Quantities& amounts);

/// `words`: "ROLE=WEIGHT" each. `weights`: a GET_WEIGHTS answer.
Result<Change> plan_weights(const mesos::v1::master::Response& weights,
                            const std::vector<std::string>& words);

/// Whether it sets anything: a master lists a quota that was taken away until its end.
bool has_quota(const mesos::v1::quota::QuotaConfig& config);

/// What a role shall have. An amount that is absent stays as it is; an empty one is taken away.
struct QuotaWish {
    std::string role;
    std::optional<Quantities> guarantee;
    std::optional<Quantities> limit;
    bool force = false;
};
/// `quotas`: a GET_QUOTA answer; `agents`: GET_AGENTS, for the cluster's capacity.
Result<Change> plan_quota(const mesos::v1::master::Response& quotas,
                          const mesos::v1::master::Response& agents, const QuotaWish& wish);
/// Fails with not_found when one of the roles has none.
Result<Change> plan_quota_removal(const mesos::v1::master::Response& quotas,
                                  const std::vector<std::string>& roles);

/// What is to be reserved, or given back, on one agent.
struct ReservationWish {
    std::string role;
    std::optional<std::string> principal;
    std::vector<std::string> labels;     // "KEY=VALUE" each.
    std::optional<Resources> resources;  // Absent: everything; only to give back.
};
using AgentAnswer = mesos::v1::master::Response::GetAgents::Agent;

/// A role below another takes from what is reserved for the nearest one above it that has enough
/// on the agent, else from what is unreserved. Fails with conflict when nothing has.
Result<Change> plan_reservation(const AgentAnswer& agent, const ReservationWish& wish);
/// Takes dynamic reservations of exactly that role, whatever their principal and labels are.
Result<Change> plan_unreservation(const AgentAnswer& agent, const ReservationWish& wish);

struct VolumeWish {
    std::string role;
    std::string id;
    Quantity megabytes;
    std::string container_path = "data";
    std::optional<std::string> principal;
    bool shared = false;
};
/// Fails with conflict when the agent has no such reserved disk, or a volume of that id.
Result<Change> plan_volume(const AgentAnswer& agent, const VolumeWish& wish);
Result<Change> plan_volume_removal(const AgentAnswer& agent, const std::string& id);
Result<Change> plan_volume_growth(const AgentAnswer& agent, const std::string& id,
                                  Quantity megabytes);
Result<Change> plan_volume_shrinkage(const AgentAnswer& agent, const std::string& id,
                                     Quantity megabytes);

/// "HOST", "HOST/IP" or "IP".
Result<mesos::v1::MachineID> parse_machine(const std::string& text);
std::string machine_text(const mesos::v1::MachineID& machine);
/// Adds a window to the schedule. `start`: nanoseconds since the epoch; no duration: without end.
Result<Change> plan_maintenance(const mesos::v1::master::Response& schedule,
                                const std::vector<std::string>& machines, std::int64_t start,
                                std::optional<std::int64_t> duration);
/// Takes machines out of the schedule; fails with not_found when one is not in it.
Result<Change> plan_maintenance_removal(const mesos::v1::master::Response& schedule,
                                        const std::vector<std::string>& machines);

/// "2026-01-31T12:00:00Z", "now" or "in DURATION" as nanoseconds since the epoch.
Result<std::int64_t> parse_start(const std::string& text, double now_seconds);

}  // namespace tepui::cli
