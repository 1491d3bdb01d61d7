#include "master/snapshot/v1_views.h"

#include "master/snapshot/v1_writer.h"

namespace tepui::master {
namespace {

using mesos::v1::master::Response;

Response::GetFrameworks::Framework framework_message(const Snapshot& snapshot,
                                                     const FrameworkItem& item) {
    const FrameworkId id(item.info->id().value());
    Response::GetFrameworks::Framework message;
    *message.mutable_framework_info() = *item.info;
    message.set_active(item.active);
    message.set_connected(item.connected);
    message.set_recovered(item.recovered);
    *message.mutable_registered_time() = time_info(item.registered_at);
    *message.mutable_reregistered_time() =
        time_info(item.reregistered_at.value_or(item.registered_at));
    *message.mutable_offer_constraints() = *item.offer_constraints;
    if (item.unregistered_at) {
        *message.mutable_unregistered_time() = time_info(*item.unregistered_at);
        return message;
    }
    snapshot.visit_offers(id, [&](const OfferItem& offer) { *message.add_offers() = *offer.info; });
    const auto& shares = snapshot.totals().frameworks;
    if (const auto share = shares.find(id); share != shares.end()) {
        *message.mutable_allocated_resources() = share->second.used.to_proto_endpoint();
        *message.mutable_offered_resources() = share->second.offered.to_proto_endpoint();
    }
    return message;
}

// Fields come in the order of the .proto, and lists are written when they are empty too, as Mesos
// does for these four.

void write_tasks(V1Writer& writer, const Snapshot& snapshot, int number,
                 const EventFilter& filter = {}) {
    using Tasks = Response::GetTasks;
    writer.begin_message("get_tasks", number);
    const auto add = [&](const TaskItem& task) {
        if (filter.empty() || filter.passes_task(*task.info.message())) writer.add(task);
    };
    const auto add_all = [&](const Snapshot::TaskMap& tasks) {
        tasks.for_each([&](const TaskKey&, const auto& task) { add(*task); });
    };
    writer.begin_list("tasks", Tasks::kTasksFieldNumber);
    add_all(snapshot.tasks);
    writer.end_list();
    writer.begin_list("unreachable_tasks", Tasks::kUnreachableTasksFieldNumber);
    add_all(snapshot.unreachable_tasks);
    for (const auto& framework : *snapshot.completed_frameworks) {
        for (const auto& task : *framework->unreachable_tasks) add(*task);
    }
    writer.end_list();
    writer.begin_list("completed_tasks", Tasks::kCompletedTasksFieldNumber);
    snapshot.frameworks.for_each([&](const FrameworkId&, const auto& framework) {
        for (const auto& task : *framework->completed_tasks) add(*task);
    });
    for (const auto& framework : *snapshot.completed_frameworks) {
        for (const auto& task : *framework->completed_tasks) add(*task);
    }
    writer.end_list();
    writer.end_message();
}

void write_executors(V1Writer& writer, const Snapshot& snapshot, int number,
                     const EventFilter& filter = {}) {
    writer.begin_message("get_executors", number);
    writer.begin_list("executors", Response::GetExecutors::kExecutorsFieldNumber);
    snapshot.agents.for_each([&](const AgentId&, const auto& agent) {
        for (const auto& executor : agent->executors) {
            if (filter.passes_executor(executor->framework.value, executor->agent.value,
                                       *executor->info))
                writer.add(*executor);
        }
    });
    writer.end_list();
    writer.end_message();
}

void write_frameworks(V1Writer& writer, const Snapshot& snapshot, int number,
                      const EventFilter& filter = {}) {
    using Frameworks = Response::GetFrameworks;
    writer.begin_message("get_frameworks", number);
    writer.begin_list("frameworks", Frameworks::kFrameworksFieldNumber);
    snapshot.frameworks.for_each([&](const FrameworkId&, const auto& framework) {
        if (filter.passes_framework(*framework->info))
            writer.add(framework_message(snapshot, *framework));
    });
    writer.end_list();
    writer.begin_list("completed_frameworks", Frameworks::kCompletedFrameworksFieldNumber);
    for (const auto& framework : *snapshot.completed_frameworks) {
        if (filter.passes_framework(*framework->info))
            writer.add(framework_message(snapshot, *framework));
    }
    writer.end_list();
    writer.end_message();
}

void write_agents(V1Writer& writer, const Snapshot& snapshot, int number,
                  const EventFilter& filter = {}) {
    using Agents = Response::GetAgents;
    writer.begin_message("get_agents", number);
    writer.begin_list("agents", Agents::kAgentsFieldNumber);
    snapshot.agents.for_each([&](const AgentId& id, const auto& agent) {
        if (filter.passes_agent(id.value)) writer.add(*agent);
    });
    writer.end_list();
    writer.begin_list("recovered_agents", Agents::kRecoveredAgentsFieldNumber);
    snapshot.recovered_agents.for_each([&](const AgentId& id, const auto& agent) {
        if (filter.passes_agent(id.value)) writer.add(*agent);
    });
    writer.end_list();
    writer.end_message();
}

void write_state(V1Writer& writer, const Snapshot& snapshot, int number,
                 const EventFilter& filter) {
    using State = Response::GetState;
    writer.begin_message("get_state", number);
    write_tasks(writer, snapshot, State::kGetTasksFieldNumber, filter);
    write_executors(writer, snapshot, State::kGetExecutorsFieldNumber, filter);
    write_frameworks(writer, snapshot, State::kGetFrameworksFieldNumber, filter);
    write_agents(writer, snapshot, State::kGetAgentsFieldNumber, filter);
    writer.end_message();
}

}  // namespace

std::string render_get_state(const Snapshot& snapshot, wire::Media media) {
    V1Writer writer(media, Response::GET_STATE);
    write_state(writer, snapshot, Response::kGetStateFieldNumber, {});
    return writer.finish();
}

std::string render_subscribed(const Snapshot& snapshot, wire::Media media,
                              const EventFilter& filter, double heartbeat_seconds) {
    using mesos::v1::master::Event;
    V1Writer writer(media, Event::Type_Name(Event::SUBSCRIBED), Event::kTypeFieldNumber,
                    Event::SUBSCRIBED);
    writer.begin_message("subscribed", Event::kSubscribedFieldNumber);
    write_state(writer, snapshot, Event::Subscribed::kGetStateFieldNumber, filter);
    writer.add_double("heartbeat_interval_seconds",
                      Event::Subscribed::kHeartbeatIntervalSecondsFieldNumber, heartbeat_seconds);
    writer.end_message();
    return writer.finish();
}

std::string render_get_agents(const Snapshot& snapshot, wire::Media media) {
    V1Writer writer(media, Response::GET_AGENTS);
    write_agents(writer, snapshot, Response::kGetAgentsFieldNumber);
    return writer.finish();
}

std::string render_get_frameworks(const Snapshot& snapshot, wire::Media media) {
    V1Writer writer(media, Response::GET_FRAMEWORKS);
    write_frameworks(writer, snapshot, Response::kGetFrameworksFieldNumber);
    return writer.finish();
}

std::string render_get_executors(const Snapshot& snapshot, wire::Media media) {
    V1Writer writer(media, Response::GET_EXECUTORS);
    write_executors(writer, snapshot, Response::kGetExecutorsFieldNumber);
    return writer.finish();
}

std::string render_get_tasks(const Snapshot& snapshot, wire::Media media) {
    V1Writer writer(media, Response::GET_TASKS);
    write_tasks(writer, snapshot, Response::kGetTasksFieldNumber);
    return writer.finish();
}

Response get_roles(const Snapshot& snapshot) {
    Response response;
    response.set_type(Response::GET_ROLES);
    auto* roles = response.mutable_get_roles();
    const Quantities scalars = snapshot.totals().total.scalars();
    for (const auto& [name, share] : snapshot.totals().roles) {
        auto* role = roles->add_roles();
        role->set_name(name);
        role->set_weight(snapshot.weight_of(name));
        for (const FrameworkId& id : share.frameworks) role->add_frameworks()->set_value(id.value);
        Quantities sum = share.allocated;
        for (const auto& [resource, quantity] : share.offered) sum[resource] += quantity;
        for (const auto& [resource, quantity] : sum) {
            if (!scalars.contains(resource)) continue;  // Ranges are no amounts here.
            auto* entry = role->add_resources();
            entry->set_name(resource);
            entry->set_type(mesos::v1::Value::SCALAR);
            entry->mutable_scalar()->set_value(quantity.to_double());
        }
    }
    return response;
}

Response get_weights(const Snapshot& snapshot) {
    Response response;
    response.set_type(Response::GET_WEIGHTS);
    for (const auto& [role, weight] : *snapshot.weights) {
        auto* info = response.mutable_get_weights()->add_weight_infos();
        info->set_weight(weight);
        info->set_role(role);
    }
    return response;
}

Response get_quota(const Snapshot& snapshot) {
    Response response;
    response.set_type(Response::GET_QUOTA);
    *response.mutable_get_quota()->mutable_status() = to_quota_status(*snapshot.quotas);
    return response;
}

Response get_master(const MasterFacts& facts) {
    Response response;
    response.set_type(Response::GET_MASTER);
    auto* master = response.mutable_get_master();
    *master->mutable_master_info() = facts.info;
    master->set_start_time(facts.started_at.seconds());
    master->set_elected_time(facts.elected_at.seconds());
    return response;
}

}  // namespace tepui::master
