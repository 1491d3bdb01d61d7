#include "master/event_record.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/overloaded.h"
#include "master/snapshot/items.h"
#include "tepui/operator.pb.h"
#include "wire/json_writer.h"
#include "wire/recordio.h"

namespace tepui::master {
namespace {

using V1Event = mesos::v1::master::Event;

void fill(mesos::v1::master::Response::GetFrameworks::Framework& message,
          const FrameworkView& framework) {
    *message.mutable_framework_info() = *framework.info;
    message.set_active(framework.active);
    message.set_connected(framework.connected);
    message.set_recovered(framework.recovered);
    *message.mutable_registered_time() = time_info(framework.registered_at);
    *message.mutable_reregistered_time() =
        time_info(framework.reregistered_at.value_or(framework.registered_at));
    message.mutable_unregistered_time()->set_nanoseconds(0);
    *message.mutable_allocated_resources() = framework.allocated.to_proto_endpoint();
    *message.mutable_offered_resources() = framework.offered.to_proto_endpoint();
}

}  // namespace

mesos::v1::master::Event message_of(const OperatorEvent& event) {
    V1Event message;
    std::visit(
        Overloaded{
            [&](const TaskAdded& added) {
                message.set_type(V1Event::TASK_ADDED);
                *message.mutable_task_added()->mutable_task() = *added.task;
            },
            [&](const TaskUpdated& updated) {
                message.set_type(V1Event::TASK_UPDATED);
                auto& body = *message.mutable_task_updated();
                body.mutable_framework_id()->set_value(updated.framework.value);
                *body.mutable_status() = *updated.status;
                body.set_state(updated.state);
            },
            [&](const AgentAdded& added) {
                message.set_type(V1Event::AGENT_ADDED);
                const AgentItem item(*added.agent);
                const bool read = message.mutable_agent_added()->mutable_agent()->ParseFromString(
                    std::string(item.v1_bytes()));
                TEPUI_ASSERT(read);
            },
            [&](const AgentRemoved& removed) {
                message.set_type(V1Event::AGENT_REMOVED);
                message.mutable_agent_removed()->mutable_agent_id()->set_value(removed.agent.value);
            },
            [&](const FrameworkAdded& added) {
                message.set_type(V1Event::FRAMEWORK_ADDED);
                fill(*message.mutable_framework_added()->mutable_framework(), added.framework);
            },
            [&](const FrameworkUpdated& updated) {
                message.set_type(V1Event::FRAMEWORK_UPDATED);
                fill(*message.mutable_framework_updated()->mutable_framework(), updated.framework);
            },
            [&](const FrameworkRemoved& removed) {
                message.set_type(V1Event::FRAMEWORK_REMOVED);
                *message.mutable_framework_removed()->mutable_framework_info() = *removed.info;
            },
        },
        event);
    return message;
}

std::shared_ptr<const std::string> EventRecord::record(wire::Media media, bool sequenced) {
    const auto form = static_cast<std::size_t>(media);
    auto& record = records_.at(form).at(sequenced ? 1 : 0);
    if (record) return record;
    auto& bytes = bytes_.at(form);
    if (!bytes) {
        bytes = std::make_shared<const std::string>(wire::encode(media, message_of(event_)));
    }
    record = std::make_shared<const std::string>(
        wire::encode_record(sequenced ? with_sequence(*bytes, media, sequence_) : *bytes));
    return record;
}

std::string with_sequence(std::string encoded, wire::Media media, std::uint64_t sequence,
                          const std::string& master_id) {
    if (media == wire::Media::json) {
        TEPUI_ASSERT(encoded.ends_with('}'));
        encoded.pop_back();
        encoded += fmt::format(",\"sequence\":{}", sequence);
        if (!master_id.empty()) {
            encoded += ",\"master_id\":";
            wire::append_json_string(encoded, master_id);
        }
        encoded += '}';
        return encoded;
    }
    operator_api::SequencedEvent ours;  // Two messages in a row read as one with both's fields.
    ours.set_sequence(sequence);
    if (!master_id.empty()) ours.set_master_id(master_id);
    encoded += ours.SerializeAsString();
    return encoded;
}

const std::string& encoded_heartbeat(wire::Media media) {
    static const auto encoded = [] {
        V1Event event;
        event.set_type(V1Event::HEARTBEAT);
        return std::array{wire::encode(wire::Media::json, event),
                          wire::encode(wire::Media::protobuf, event)};
    }();
    return encoded.at(static_cast<std::size_t>(media));
}

}  // namespace tepui::master
