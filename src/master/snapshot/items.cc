#include "master/snapshot/items.h"

#include "daemon/resource_json.h"
#include "daemon/task_json.h"
#include "master/snapshot/legacy_json.h"
#include "wire/json.h"
#include "wire/json_writer.h"

namespace tepui::master {
namespace {

Resources sum_of(const std::map<FrameworkId, Resources>& parts) {
    Resources sum;
    for (const auto& [framework, resources] : parts) sum += resources;
    return sum;
}

std::int64_t whole_seconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.since_epoch).count();
}

}  // namespace

const std::string& Item::legacy_json() const {
    return legacy_json_.get([this] {
        std::string text;
        render_legacy(text);
        text.shrink_to_fit();  // Kept as long as the item does not change.
        return text;
    });
}

const std::string& Item::v1_json() const {
    return v1_json_.get([this] {
        std::string text = wire::message_to_json(*v1_message());
        text.shrink_to_fit();
        return text;
    });
}

std::string_view Item::v1_bytes() const {
    if (const std::string_view kept = kept_bytes(); !kept.empty()) return kept;
    return v1_bytes_.get([this] { return v1_message()->SerializePartialAsString(); });
}

void TaskItem::render_legacy(std::string& out) const {
    wire::JsonWriter json(out);
    daemon::write_task(json, *info.message());
}

void OfferItem::render_legacy(std::string& out) const {
    wire::JsonWriter json(out);
    write_offer(json, *info);
}

void ExecutorItem::render_legacy(std::string& out) const {
    wire::JsonWriter json(out);
    write_executor(json, *info, agent.value);
}

std::shared_ptr<const google::protobuf::Message> ExecutorItem::v1_message() const {
    auto message = std::make_shared<mesos::v1::master::Response::GetExecutors::Executor>();
    *message->mutable_executor_info() = *info;
    message->mutable_agent_id()->set_value(agent.value);
    return message;
}

AgentItem::AgentItem(const Agent& agent, const mesos::v1::DrainInfo* drain_info)
    : id(agent.id),
      info(agent.info),
      version(agent.version),
      capabilities(agent.capabilities),
      pid(agent_pid(agent.ip, *agent.info)),
      connected(agent.connected()),
      active(agent.active()),
      deactivated(agent.deactivated),
      drain(drain_info == nullptr ? std::nullopt : std::optional{*drain_info}),
      drain_told_at(agent.drain_told_at),
      registered_at(agent.registered_at),
      reregistered_at(agent.reregistered_at),
      total(agent.total),
      offered(agent.offered),
      used(agent.used) {
    for (const auto& [framework, by_id] : agent.executors) {
        for (const auto& [executor_id, executor] : by_id)
            executors.push_back(std::make_shared<ExecutorItem>(framework, id, executor.info));
    }
    for (const auto& [uuid, operation] : agent.operations) operations.push_back(operation.info);
}

Resources AgentItem::used_sum() const { return sum_of(used); }
Resources AgentItem::offered_sum() const { return sum_of(offered); }

const std::string& AgentItem::legacy_head() const {
    return legacy_head_.get([this] {
        std::string text;
        wire::JsonWriter json(text);
        json.begin_object();
        json.key("id").value(id.value);
        json.key("hostname").value(info->hostname());
        json.key("port").value(info->port());
        json.key("attributes");
        daemon::write_attributes(json, info->attributes());
        if (info->has_domain()) json.key("domain").message(info->domain());
        json.key("pid").value(pid);
        json.key("registered_time").value(registered_at.seconds());
        if (reregistered_at) json.key("reregistered_time").value(reregistered_at->seconds());
        json.key("resources");
        daemon::write_resources(json, total);
        json.key("used_resources");
        daemon::write_resources(json, used_sum());
        json.key("offered_resources");
        daemon::write_resources(json, offered_sum());
        json.key("reserved_resources");
        daemon::write_reserved(json, total);
        json.key("unreserved_resources");
        daemon::write_resources(json, total.unreserved());
        json.key("active").value(active);
        json.key("deactivated").value(deactivated);
        if (drain) json.key("drain_info").message(*drain);
        if (drain && drain_told_at) {
            json.key("estimated_drain_start_time_seconds").value(whole_seconds(*drain_told_at));
        }
        json.key("version").value(version);
        json.key("capabilities").begin_array();
        for (const std::string& capability : capabilities) json.value(capability);
        json.end_array();
        return text;
    });
}

void AgentItem::render_legacy(std::string& out) const { out = legacy_head() + "}"; }

std::shared_ptr<const google::protobuf::Message> AgentItem::v1_message() const {
    auto message = std::make_shared<mesos::v1::master::Response::GetAgents::Agent>();
    *message->mutable_agent_info() = *info;
    message->set_active(active);
    message->set_deactivated(deactivated);
    message->set_version(version);
    message->set_pid(pid);
    *message->mutable_registered_time() = time_info(registered_at);
    if (reregistered_at) *message->mutable_reregistered_time() = time_info(*reregistered_at);
    *message->mutable_total_resources() = total.to_proto_endpoint();
    *message->mutable_allocated_resources() = used_sum().to_proto_endpoint();
    *message->mutable_offered_resources() = offered_sum().to_proto_endpoint();
    if (drain) *message->mutable_drain_info() = *drain;
    if (drain && drain_told_at) {
        message->mutable_estimated_drain_start_time()->set_nanoseconds(
            whole_seconds(*drain_told_at) * 1'000'000'000);
    }
    for (const std::string& name : capabilities) {
        mesos::v1::AgentInfo::Capability::Type type{};
        if (mesos::v1::AgentInfo::Capability::Type_Parse(name, &type))
            message->add_capabilities()->set_type(type);
    }
    return message;
}

void RecoveredAgentItem::render_legacy(std::string& out) const {
    wire::JsonWriter json(out);
    json.begin_object();
    json.key("id").value(info->id().value());
    json.key("hostname").value(info->hostname());
    json.key("port").value(info->port());
    json.key("attributes");
    daemon::write_attributes(json, info->attributes());
    if (info->has_domain()) json.key("domain").message(info->domain());
    json.end_object();
}

bool FrameworkItem::has_capability(mesos::v1::FrameworkInfo::Capability::Type type) const {
    return std::any_of(info->capabilities().begin(), info->capabilities().end(),
                       [type](const auto& capability) { return capability.type() == type; });
}

std::string agent_pid(const std::string& ip, const mesos::v1::AgentInfo& info) {
    return fmt::format("slave(1)@{}:{}", ip.empty() ? info.hostname() : ip, info.port());
}

mesos::v1::TimeInfo time_info(WallTime time) {
    mesos::v1::TimeInfo info;
    info.set_nanoseconds(time.since_epoch.count());
    return info;
}

}  // namespace tepui::master
