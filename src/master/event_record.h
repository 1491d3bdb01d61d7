#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "master/core/publish.h"
#include "mesos/v1/master/master.pb.h"
#include "wire/media.h"

namespace tepui::master {

/// One event of the operator stream with its number. Each form that subscribers get (JSON or
/// protobuf, with its number or as Mesos writes it) is made when it is first asked for, and shared
/// by all of them. One thread.
class EventRecord {
public:
    EventRecord(std::uint64_t sequence, OperatorEvent event)
        : sequence_(sequence), event_(std::move(event)) {}

    std::uint64_t sequence() const { return sequence_; }
    const OperatorEvent& event() const { return event_; }
    /// As one RecordIO record.
    std::shared_ptr<const std::string> record(wire::Media media, bool sequenced);

private:
    const std::uint64_t sequence_;
    const OperatorEvent event_;
    std::array<std::shared_ptr<const std::string>, 2> bytes_;  // By Media, not yet a record.
    std::array<std::array<std::shared_ptr<const std::string>, 2>, 2> records_;
};

/// The event as the wire has it.
mesos::v1::master::Event message_of(const OperatorEvent& event);

/// An encoded Event with our own fields behind Mesos' (operator.proto: SequencedEvent), which
/// readers that do not know them skip. `master_id` may be empty: no field.
std::string with_sequence(std::string encoded, wire::Media media, std::uint64_t sequence,
                          const std::string& master_id = {});

/// A HEARTBEAT, encoded.
const std::string& encoded_heartbeat(wire::Media media);

}  // namespace tepui::master
