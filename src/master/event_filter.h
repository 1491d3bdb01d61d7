#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "master/core/publish.h"
#include "mesos/v1/master/master.pb.h"

// What a subscriber of the operator event stream may ask for beyond Mesos' API, with parameters of
// the request's query (docs/reference/events.md).
namespace tepui::master {

/// Which events a subscriber gets. An empty set lets everything pass; what is given in several sets
/// must all match. An event that has no framework (that of an agent) matches no framework or role,
/// one of a framework matches no agent.
struct EventFilter {
    std::set<std::string> frameworks;
    std::set<std::string> roles;
    std::set<std::string> agents;
    std::set<mesos::v1::master::Event::Type> kinds;

    bool empty() const;
    bool passes(const OperatorEvent& event) const;

    /// Of a snapshot's lists, the same way: a list none of whose kinds is asked for stays empty.
    bool passes_task(const mesos::v1::Task& task) const;
    /// Executors go with tasks.
    bool passes_executor(const std::string& framework, const std::string& agent,
                         const mesos::v1::ExecutorInfo& executor) const;
    bool passes_framework(const mesos::v1::FrameworkInfo& info) const;
    bool passes_agent(const std::string& agent) const;
};

/// A place in the stream of one master: that of the event with this number. Numbers count from a
/// master's start, so the master is part of it.
struct EventPosition {
    std::string master_id;
    std::uint64_t sequence = 0;
};

struct EventRequest {
    EventFilter filter = {};
    bool sequenced = false;                   // Records carry their number.
    std::optional<EventPosition> after = {};  // Begin behind it, if that is still known.
};

/// Reads a request's query. `framework`, `role`, `agent` and `kind` take several values, repeated
/// or with commas between. Fails with invalid_argument, naming the parameter and what it may be.
Result<EventRequest> parse_event_request(
    const std::vector<std::pair<std::string, std::string>>& query);

}  // namespace tepui::master
