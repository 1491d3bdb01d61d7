#include "daemon/resource_json.h"
#include "master/snapshot/legacy_framework.h"
#include "master/snapshot/legacy_views.h"

namespace tepui::master {

using mesos::v1::FrameworkInfo;
using wire::JsonWriter;

const Totals::Share& share_of(const Snapshot& snapshot, const FrameworkId& id) {
    static const Totals::Share none;
    const auto& shares = snapshot.totals().frameworks;
    const auto it = shares.find(id);
    return it == shares.end() ? none : it->second;
}

void write_framework_summary(JsonWriter& json, const Snapshot& snapshot,
                             const FrameworkItem& framework) {
    const FrameworkInfo& info = *framework.info;
    const Totals::Share& share = share_of(snapshot, FrameworkId(info.id().value()));
    json.key("id").value(info.id().value());
    json.key("name").value(info.name());
    json.key("used_resources");
    daemon::write_resources(json, share.used);
    json.key("offered_resources");
    daemon::write_resources(json, share.offered);
    json.key("capabilities").begin_array();
    for (const auto& capability : info.capabilities())
        json.value(FrameworkInfo::Capability::Type_Name(capability.type()));
    json.end_array();
    json.key("hostname").value(info.hostname());
    json.key("webui_url").value(info.webui_url());
    json.key("active").value(framework.active);
    json.key("connected").value(framework.connected);
    json.key("recovered").value(framework.recovered);
}

namespace {

constexpr std::array summary_states{mesos::v1::TASK_STAGING,  mesos::v1::TASK_STARTING,
                                    mesos::v1::TASK_RUNNING,  mesos::v1::TASK_KILLING,
                                    mesos::v1::TASK_FINISHED, mesos::v1::TASK_KILLED,
                                    mesos::v1::TASK_FAILED,   mesos::v1::TASK_LOST,
                                    mesos::v1::TASK_ERROR,    mesos::v1::TASK_UNREACHABLE};

struct StateCounts {
    std::array<std::uint64_t, mesos::v1::TaskState_ARRAYSIZE> by_state{};
    std::set<std::string_view> others;  // Frameworks of an agent, agents of a framework.
};

void write_counts(JsonWriter& json, const StateCounts& counts, const char* others) {
    for (const mesos::v1::TaskState state : summary_states)
        json.key(mesos::v1::TaskState_Name(state))
            .value(counts.by_state[static_cast<std::size_t>(state)]);
    json.key(others).begin_array();
    for (const std::string_view id : counts.others) json.value(id);
    json.end_array();
}

}  // namespace

std::string render_state_summary(const Snapshot& snapshot) {
    std::unordered_map<std::string_view, StateCounts> by_agent;
    std::unordered_map<std::string_view, StateCounts> by_framework;
    snapshot.visit_all_tasks([&](const std::shared_ptr<const TaskItem>& task) {
        const TaskRecord& info = task->info;
        const auto state = static_cast<std::size_t>(info.state());
        StateCounts& of_agent = by_agent[info.agent_id()];
        ++of_agent.by_state[state];
        of_agent.others.insert(info.framework_id());
        StateCounts& of_framework = by_framework[info.framework_id()];
        ++of_framework.by_state[state];
        of_framework.others.insert(info.agent_id());
    });

    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("hostname").value(snapshot.facts->info.hostname());
    if (!snapshot.facts->cluster.empty()) json.key("cluster").value(snapshot.facts->cluster);
    json.key("slaves").begin_array();
    snapshot.agents.for_each([&](const AgentId& id, const auto& agent) {
        std::string counts;
        JsonWriter more(counts);
        more.begin_object();
        write_counts(more, by_agent[id.value], "framework_ids");
        more.end_object();
        counts.front() = ',';
        json.raw(agent->legacy_head() + counts);
    });
    json.end_array();
    json.key("frameworks").begin_array();
    snapshot.frameworks.for_each([&](const FrameworkId& id, const auto& framework) {
        json.begin_object();
        write_framework_summary(json, snapshot, *framework);
        write_counts(json, by_framework[id.value], "slave_ids");
        json.end_object();
    });
    json.end_array().end_object();
    return out;
}

}  // namespace tepui::master
