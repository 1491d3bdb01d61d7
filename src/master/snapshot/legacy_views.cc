#include "master/snapshot/legacy_views.h"

#include "daemon/plain_json.h"
#include "daemon/resource_json.h"
#include "daemon/task_json.h"
#include "master/snapshot/legacy_framework.h"
#include "master/snapshot/legacy_json.h"
#include "wire/json_writer.h"

namespace tepui::master {
namespace {

using mesos::v1::FrameworkInfo;
using wire::JsonWriter;

void write_roles(JsonWriter& json, const FrameworkItem& framework) {
    const FrameworkInfo& info = *framework.info;
    if (framework.has_capability(FrameworkInfo::Capability::MULTI_ROLE)) {
        json.key("roles").begin_array();
        for (const std::string& role : info.roles()) json.value(role);
        json.end_array();
        return;
    }
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // Frameworks of before MULTI_ROLE.
    json.key("role").value(info.role());
#pragma clang diagnostic pop
}

void write_task_list(JsonWriter& json, const TaskItems* tasks) {
    json.begin_array();
    if (tasks != nullptr) {
        for (const auto& task : *tasks) json.raw(task->legacy_json());
    }
    json.end_array();
}

/// What the framework holds now: tasks, offers, executors; all empty for one that ended.
void write_framework_contents(JsonWriter& json, const Snapshot& snapshot,
                              const FrameworkItem& framework) {
    const FrameworkId id(framework.info->id().value());
    json.key("tasks").begin_array();
    if (!framework.unregistered_at)
        Snapshot::visit_tasks(snapshot.tasks, id,
                              [&](const TaskItem& task) { json.raw(task.legacy_json()); });
    json.end_array();

    json.key("unreachable_tasks");
    if (framework.unregistered_at) {
        write_task_list(json, framework.unreachable_tasks.get());
    } else {
        json.begin_array();
        Snapshot::visit_tasks(snapshot.unreachable_tasks, id,
                              [&](const TaskItem& task) { json.raw(task.legacy_json()); });
        json.end_array();
    }
    json.key("completed_tasks");
    write_task_list(json, framework.completed_tasks.get());

    json.key("offers").begin_array();
    if (!framework.unregistered_at)
        snapshot.visit_offers(id, [&](const OfferItem& offer) { json.raw(offer.legacy_json()); });
    json.end_array();

    json.key("executors").begin_array();
    const auto& executors = snapshot.totals().executors;
    if (const auto it = executors.find(id); it != executors.end() && !framework.unregistered_at) {
        for (const auto& executor : it->second) json.raw(executor->legacy_json());
    }
    json.end_array();
}

void write_framework(JsonWriter& json, const Snapshot& snapshot, const FrameworkItem& framework) {
    const FrameworkInfo& info = *framework.info;
    const Totals::Share& share = share_of(snapshot, FrameworkId(info.id().value()));
    json.begin_object();
    write_framework_summary(json, snapshot, framework);
    json.key("user").value(info.user());
    json.key("failover_timeout").value(info.failover_timeout());
    json.key("checkpoint").value(info.checkpoint());
    json.key("registered_time").value(framework.registered_at.seconds());
    json.key("unregistered_time")
        .value(framework.unregistered_at ? framework.unregistered_at->seconds() : 0.0);
    if (framework.reregistered_at && *framework.reregistered_at != framework.registered_at)
        json.key("reregistered_time").value(framework.reregistered_at->seconds());
    if (info.has_principal()) json.key("principal").value(info.principal());
    json.key("resources");
    daemon::write_resources(json, share.used + share.offered);
    write_roles(json, framework);
    write_framework_contents(json, snapshot, framework);
    if (info.has_labels()) {
        json.key("labels");
        daemon::write_labels(json, info.labels());
    }
    json.key("offer_constraints").message(*framework.offer_constraints);
    json.end_object();
}

void write_frameworks(JsonWriter& json, const Snapshot& snapshot,
                      const std::optional<std::string>& only) {
    const auto wanted = [&](const FrameworkItem& framework) {
        return !only || framework.info->id().value() == *only;
    };
    json.key("frameworks").begin_array();
    snapshot.frameworks.for_each([&](const FrameworkId&, const auto& framework) {
        if (wanted(*framework)) write_framework(json, snapshot, *framework);
    });
    json.end_array();
    json.key("completed_frameworks").begin_array();
    for (const auto& framework : *snapshot.completed_frameworks) {
        if (wanted(*framework)) write_framework(json, snapshot, *framework);
    }
    json.end_array();
}

void write_recovered_agents(JsonWriter& json, const Snapshot& snapshot,
                            const std::optional<std::string>& only) {
    json.key("recovered_slaves").begin_array();
    snapshot.recovered_agents.for_each([&](const AgentId& id, const auto& agent) {
        if (!only || id.value == *only) json.raw(agent->legacy_json());
    });
    json.end_array();
}

void write_leader(JsonWriter& json, const mesos::v1::MasterInfo& info) {
    json.key("leader").value(info.pid());
    json.key("leader_info").begin_object();
    json.key("id").value(info.id());
    json.key("pid").value(info.pid());
    json.key("port").value(info.port());
    json.key("hostname").value(info.hostname());
    if (info.has_domain()) json.key("domain").message(info.domain());
    json.end_object();
}

void write_master(JsonWriter& json, const Snapshot& snapshot) {
    const MasterFacts& facts = *snapshot.facts;
    const mesos::v1::MasterInfo& info = facts.info;
    std::size_t active = 0;
    snapshot.agents.for_each(
        [&](const AgentId&, const auto& agent) { active += agent->active ? 1 : 0; });
    const std::size_t inactive = snapshot.agents.size() - active;

    daemon::write_version(json, facts.version);
    json.key("start_time").value(facts.started_at.seconds());
    json.key("elected_time").value(facts.elected_at.seconds());
    json.key("id").value(info.id());
    json.key("pid").value(info.pid());
    json.key("hostname").value(info.hostname());
    json.key("capabilities").begin_array();
    for (const auto& capability : info.capabilities())
        json.value(mesos::v1::MasterInfo::Capability::Type_Name(capability.type()));
    json.end_array();
    json.key("activated_slaves").value(static_cast<double>(active));
    json.key("deactivated_slaves").value(static_cast<double>(inactive));
    json.key("unreachable_slaves").value(static_cast<double>(snapshot.unreachable_agents.size()));
    if (info.has_domain()) json.key("domain").message(info.domain());
    write_leader(json, info);
    if (!facts.cluster.empty()) json.key("cluster").value(facts.cluster);
    if (!facts.log_dir.empty()) json.key("log_dir").value(facts.log_dir);
    json.key("flags");
    daemon::write_flags(json, facts.flags);
}

}  // namespace

std::string render_state(const Snapshot& snapshot) {
    std::string out;
    out.reserve(4096 + 1024 * (snapshot.tasks.size() + 2 * snapshot.agents.size()));
    JsonWriter json(out);
    json.begin_object();
    write_master(json, snapshot);
    json.key("slaves").begin_array();
    snapshot.agents.for_each(
        [&](const AgentId&, const auto& agent) { json.raw(agent->legacy_json()); });
    json.end_array();
    write_recovered_agents(json, snapshot, std::nullopt);
    write_frameworks(json, snapshot, std::nullopt);
    json.key("orphan_tasks").begin_array().end_array();
    json.key("unregistered_frameworks").begin_array().end_array();
    json.end_object();
    return out;
}

std::string render_slaves(const Snapshot& snapshot, const std::optional<std::string>& only) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("slaves").begin_array();
    snapshot.agents.for_each([&](const AgentId& id, const auto& agent) {
        if (only && id.value != *only) return;
        std::string text = agent->legacy_head();
        std::string full;  // The members after the head.
        JsonWriter more(full);
        more.begin_object();
        more.key("reserved_resources_full");
        daemon::write_full_reserved(more, agent->total);
        more.key("unreserved_resources_full");
        daemon::write_full_resources(more, agent->total.unreserved());
        more.key("used_resources_full");
        daemon::write_full_resources(more, agent->used_sum());
        more.key("offered_resources_full");
        daemon::write_full_resources(more, agent->offered_sum());
        more.end_object();
        full.front() = ',';
        json.raw(text + full);
    });
    json.end_array();
    write_recovered_agents(json, snapshot, only);
    json.end_object();
    return out;
}

std::string render_frameworks(const Snapshot& snapshot, const std::optional<std::string>& only) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_frameworks(json, snapshot, only);
    json.key("unregistered_frameworks").begin_array().end_array();
    json.end_object();
    return out;
}

std::string render_tasks(const Snapshot& snapshot, const TasksQuery& query) {
    TaskItems tasks;
    snapshot.visit_all_tasks([&](const std::shared_ptr<const TaskItem>& task) {
        if (query.framework_id && task->info.framework_id() != *query.framework_id) return;
        if (query.task_id && task->info.task_id() != *query.task_id) return;
        tasks.push_back(task);
    });
    // Ids break ties, so that pages of equal times don't overlap; they are searched for in what is
    // packed, so only then.
    const auto ids = [](const TaskItem& task) {
        return std::make_pair(task.info.task_id(), task.info.framework_id());
    };
    const auto before = [&](const TaskItem& a, const TaskItem& b) {
        if (a.first_timestamp() != b.first_timestamp())
            return a.first_timestamp() < b.first_timestamp();
        return ids(a) < ids(b);
    };
    std::sort(tasks.begin(), tasks.end(), [&](const auto& a, const auto& b) {
        return query.ascending ? before(*a, *b) : before(*b, *a);
    });
    const std::size_t begin = std::min(query.offset, tasks.size());
    std::size_t count = tasks.size() - begin;
    if (query.limit >= 0) count = std::min(count, static_cast<std::size_t>(query.limit));

    std::string out;
    JsonWriter json(out);
    json.begin_object().key("tasks").begin_array();
    for (std::size_t i = begin; i < begin + count; ++i) json.raw(tasks[i]->legacy_json());
    json.end_array().end_object();
    return out;
}

std::string render_weights(const Snapshot& snapshot) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const auto& [role, weight] : *snapshot.weights) {
        json.begin_object().key("role").value(role);
        json.key("weight").value(weight).end_object();
    }
    json.end_array();
    return out;
}

std::string render_quota(const Snapshot& snapshot) {
    std::string out;
    JsonWriter json(out);
    json.message(to_quota_status(*snapshot.quotas));
    return out;
}

std::string render_roles(const Snapshot& snapshot) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("roles").begin_array();
    for (const auto& [name, role] : snapshot.totals().roles) {
        Quantities resources = role.allocated;
        for (const auto& [resource, quantity] : role.offered) resources[resource] += quantity;
        json.begin_object();
        json.key("name").value(name);
        json.key("weight").value(snapshot.weight_of(name));
        json.key("quota").begin_object().key("role").value(name);
        json.key("guarantee");
        write_quantities(json, snapshot.quota_of(name).guarantees);
        json.key("limit");
        write_quantities(json, snapshot.quota_of(name).limits);
        json.key("consumed");
        write_quantities(json, role.consumed);
        json.end_object();
        json.key("resources");
        write_quantities(json, resources);
        json.key("allocated");
        write_quantities(json, role.allocated);
        json.key("offered");
        write_quantities(json, role.offered);
        json.key("reserved");
        write_quantities(json, role.reserved);
        json.key("frameworks").begin_array();
        for (const FrameworkId& id : role.frameworks) json.value(id.value);
        json.end_array().end_object();
    }
    json.end_array().end_object();
    return out;
}

}  // namespace tepui::master
