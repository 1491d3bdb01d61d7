#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "mesos/v1/maintenance/maintenance.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/quota/quota.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "tepui/link.pb.h"

namespace tepui::master {

/// One agent connection as the shell numbers them; never used twice in a process.
struct LinkId {
    std::uint64_t value = 0;
    auto operator<=>(const LinkId&) const = default;
};

/// Names one write batch; its completion carries it back.
struct PersistToken {
    std::uint64_t value = 0;
    auto operator<=>(const PersistToken&) const = default;
};

/// Names one operator request that waits for an Answer.
struct RequestToken {
    std::uint64_t value = 0;
    auto operator<=>(const RequestToken&) const = default;
};

/// SUBSCRIBE was decoded, authenticated and passed the checks that answer 4xx; the 200 stream
/// `stream` is open and nothing was written to it yet.
struct SchedulerSubscribed {
    StreamId stream;
    mesos::v1::scheduler::Call::Subscribe subscribe;
    std::optional<std::string> principal;  // As authenticated.
};

/// Any other scheduler call, after Core::check_call() let it through (its 202 is on the way).
struct SchedulerCalled {
    StreamId stream;
    mesos::v1::scheduler::Call call;
};

/// The subscription's connection is gone.
struct SchedulerDisconnected {
    StreamId stream;
};

/// A frame came in on an agent connection.
struct AgentFrameReceived {
    LinkId link;
    link::ToMaster frame;
    std::string peer_ip = {};  // Of the connection, as text: offers show it as the agent's address.
};

struct AgentLinkClosed {
    LinkId link;
};

/// The batch is durable. A failed write ends the process instead: what is stored is unknown then.
struct WritesPersisted {
    PersistToken token;
};

/// An operator asked to tear a framework down.
struct TeardownRequested {
    RequestToken request;
    FrameworkId framework;
};

/// An operator asked to kill a task of any framework. Answered at once: not_found when there is
/// none that still runs.
struct KillRequested {
    RequestToken request;
    FrameworkId framework;
    TaskId task;
    std::optional<mesos::v1::KillPolicy> policy;
};

/// An operator declares an agent gone for ever. Answered when that is stored: not_found when it is
/// not known, unavailable when it is just changing.
struct MarkAgentGoneRequested {
    RequestToken request;
    AgentId agent;
};

/// An operator takes an agent out of use, or into use again. Answered when that is stored:
/// not_found when it is not known, conflict when there is nothing to undo, unavailable when it is
/// just changing.
struct DeactivationRequested {
    RequestToken request;
    AgentId agent;
    bool deactivated = true;
};

/// An operator sets weights of roles, all or none. Answered when they are stored: invalid_argument
/// for a bad role or weight.
struct WeightsUpdateRequested {
    RequestToken request;
    std::vector<mesos::v1::WeightInfo> infos;
};

/// An operator reserves, unreserves, creates, destroys, grows or shrinks on an agent. Answered when
/// it is applied: invalid_argument for a bad operation, not_found for an unknown agent, conflict
/// when the agent has not what it takes.
struct OperationRequested {
    RequestToken request;
    AgentId agent;
    mesos::v1::Offer::Operation operation;
    std::optional<std::string> principal;  // As authenticated.
};

/// An operator sets quotas of roles, all or none; an empty guarantee and limit removes one.
/// Answered when stored: invalid_argument for a bad role or amount, conflict when the cluster can't
/// keep it and `force` is not set.
struct QuotaUpdateRequested {
    /// What of older APIs is asked: there must (not) be a quota yet.
    enum class Only : std::uint8_t { any, if_absent, if_present };
    RequestToken request;
    std::vector<mesos::v1::quota::QuotaConfig> configs;
    bool force = false;
    Only only = Only::any;
};

/// An operator replaces the maintenance schedule. Answered when stored.
struct MaintenanceScheduleRequested {
    RequestToken request;
    mesos::v1::maintenance::Schedule schedule;
};

/// An operator takes machines of the schedule down, or brings them up again. Answered when stored.
struct MachinesRequested {
    RequestToken request;
    std::vector<mesos::v1::MachineID> machines;
    bool down = true;
};

/// An operator drains an agent: its tasks are ended and it is not offered. Answered when stored.
struct DrainRequested {
    RequestToken request;
    AgentId agent;
    mesos::v1::DrainConfig config;
};

/// An operator takes a drain back that is under way: what was not ended yet may go on, and the
/// agent is used again. Answered when stored: conflict for an agent that is not draining.
struct DrainCancelRequested {
    RequestToken request;
    AgentId agent;
};

/// An operator gives roles priority bands, all or none; 0 is what roles have by default.
struct PrioritiesUpdateRequested {
    RequestToken request;
    std::map<std::string, std::int32_t> priorities;
};

/// An operator takes offers back, all or none: their frameworks are told, what was in them is
/// offered anew. Answered at once; not_found names those that are not outstanding.
struct OffersRescindRequested {
    RequestToken request;
    std::set<OfferId> offers;
};

/// The list of agents that are offered was read anew; absent: all are. Offers stay as they are.
struct WhitelistChanged {
    std::optional<std::set<std::string>> hostnames;
};

/// Time passed; sent when Core::next_deadline() is reached, and at the end of each batch of events,
/// when allocation is due.
struct Tick {};

using Event =
    std::variant<SchedulerSubscribed, SchedulerCalled, SchedulerDisconnected, AgentFrameReceived,
                 AgentLinkClosed, WritesPersisted, TeardownRequested, KillRequested,
                 MarkAgentGoneRequested, DeactivationRequested, WeightsUpdateRequested,
                 OperationRequested, QuotaUpdateRequested, MaintenanceScheduleRequested,
                 MachinesRequested, DrainRequested, DrainCancelRequested, PrioritiesUpdateRequested,
                 OffersRescindRequested, WhitelistChanged, Tick>;

}  // namespace tepui::master
