#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/severity.h"
#include "master/core/event.h"

namespace tepui::master {

/// Writes one event on a subscription's stream. Events of one stream keep their order.
struct SendToScheduler {
    StreamId stream;
    std::shared_ptr<const mesos::v1::scheduler::Event> event;
};

/// Ends a subscription's stream after what was sent on it.
struct CloseScheduler {
    StreamId stream;
};

struct SendToAgent {
    LinkId link;
    std::shared_ptr<const link::ToAgent> frame;
};

struct CloseAgentLink {
    LinkId link;
};

/// One change of the registry; no value means removal.
struct RegistryWrite {
    std::string key;
    std::optional<std::string> value;
    bool operator==(const RegistryWrite&) const = default;
};

/// Stores the writes whole and in order, then feeds WritesPersisted{token}. Everything that depends
/// on them is withheld by the core until then.
struct PersistWrites {
    PersistToken token;
    std::vector<RegistryWrite> writes;
};

/// Ends an operator request: success, or the error to answer with.
struct AnswerRequest {
    RequestToken request;
    Result<void> result;
};

/// This master must not go on: the process ends with this text, and nothing is decided any more.
struct EndMaster {
    std::string why;
};

/// A line for the log.
struct LogLine {
    Severity severity;
    std::string text;
};

using Effect = std::variant<SendToScheduler, CloseScheduler, SendToAgent, CloseAgentLink,
                            PersistWrites, AnswerRequest, EndMaster, LogLine>;
using Effects = std::vector<Effect>;

}  // namespace tepui::master
