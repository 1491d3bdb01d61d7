#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "allocator/allocator.h"
#include "base/ids.h"
#include "base/time.h"
#include "master/core/event.h"

// What waits for the registry: each write batch has one continuation, looked up by its token. A
// continuation names objects by id and is judged anew when the batch is durable, because the world
// may have moved on meanwhile.
namespace tepui::master {

/// This master's epoch is durable: it leads.
struct EpochStored {};

/// The subscription may be answered, if `stream` is still the framework's newest.
struct SubscriptionStored {
    FrameworkId framework;
    StreamId stream;
};

/// The framework's end is durable: it may be torn down.
struct FrameworkEndStored {
    FrameworkId framework;
    std::string reason;
};

/// An agent's (re)registration is durable: it may be answered.
struct AgentStored {
    LinkId link;
    std::optional<std::uint64_t> channel;
    AgentId agent;
    std::string peer_ip;
    mesos::v1::AgentInfo info;
    std::string version;
    std::vector<std::string> capabilities;
    /// Absent for a first registration.
    std::shared_ptr<const link::ReregisterAgent> reregister;
};

struct UnreachableStored {
    AgentId agent;
    std::string message;
    WallTime since;
};

struct AgentRemovalStored {
    AgentId agent;
    std::string message;
    std::string counter;  // Of the metrics: which kind of removal it is.
};

/// The agent is gone for ever, by an operator's word.
struct GoneStored {
    AgentId agent;
    WallTime since;
};

/// Unreachable and gone agents, with the time since when they were, left the registry.
struct AgentsForgotten {
    std::vector<std::pair<WallTime, AgentId>> agents;
};

/// The agent's record says whether it is deactivated.
struct DeactivationStored {
    RequestToken request;
    AgentId agent;
    bool deactivated;
};

/// The roles' weights are durable: they count.
struct WeightsStored {
    RequestToken request;
    std::map<std::string, double> weights;
};

/// The roles' quotas are durable; nullopt: it was removed.
struct QuotasStored {
    RequestToken request;
    std::map<std::string, std::optional<allocator::Quota>> quotas;
};

/// The maintenance record is durable.
struct MaintenanceStored {
    RequestToken request;
    mesos::v1::maintenance::Schedule schedule;
    std::vector<mesos::v1::MachineID> down;
};

/// The agent's record says that it is drained.
struct DrainStored {
    std::optional<RequestToken> request;  // Absent when the master itself notes that it is done.
    AgentId agent;
    mesos::v1::DrainInfo drain;
};

/// The roles' priorities are durable.
struct PrioritiesStored {
    RequestToken request;
    std::map<std::string, std::int32_t> priorities;
};

/// Nothing visible depends on the batch.
struct NothingWaits {};

using Continuation = std::variant<EpochStored, SubscriptionStored, FrameworkEndStored, AgentStored,
                                  UnreachableStored, AgentRemovalStored, GoneStored,
                                  AgentsForgotten, DeactivationStored, WeightsStored, QuotasStored,
                                  MaintenanceStored, DrainStored, PrioritiesStored, NothingWaits>;

/// A subscription that waits for the registry.
struct PendingSubscription {
    StreamId stream;
    mesos::v1::FrameworkInfo info;  // With id and principal, merged with what was known.
    mesos::v1::scheduler::Call::Subscribe subscribe;
    bool is_new = false;  // No client knows the id yet.
};

/// What an agent's newest record under way says of its deactivation and draining, and how many such
/// there are.
struct PendingDeactivation {
    bool deactivated = false;
    std::optional<mesos::v1::DrainInfo> drain;
    std::size_t writes = 0;
};

struct PendingWrites {
    std::uint64_t next_token = 1;
    std::map<PersistToken, Continuation> continuations;
    std::map<FrameworkId, PendingSubscription> subscriptions;
    std::map<StreamId, FrameworkId> subscription_streams;
    /// First registrations under way, so that a repeated RegisterAgent makes no second agent.
    std::map<std::pair<LinkId, std::optional<std::uint64_t>>, AgentId> registrations;
    /// The newest batch that (re)registers an agent; older ones are obsolete.
    std::map<AgentId, PersistToken> newest_registration;
    /// Operator requests that wait for a framework's end.
    std::multimap<FrameworkId, RequestToken> teardown_requests;
    /// Operator requests that wait for an agent to be stored as gone.
    /// (Nobody asked when it is drained and was to be gone then.)
    std::multimap<AgentId, std::optional<RequestToken>> gone_requests;
    std::map<AgentId, PendingDeactivation> deactivations;
};

}  // namespace tepui::master
