#include "master/snapshot/registry_view.h"

#include "wire/json_writer.h"

namespace tepui::master {

using wire::JsonWriter;

std::string render_registry(const Snapshot& snapshot) {
    std::string out;
    JsonWriter json(out);
    const auto write_info = [&](const AgentId&, const auto& agent) {
        json.begin_object().key("info").message(*agent->info).end_object();
    };
    json.begin_object();
    json.key("master").begin_object().key("info").message(snapshot.facts->info).end_object();
    json.key("slaves").begin_object().key("slaves").begin_array();
    snapshot.agents.for_each(write_info);
    snapshot.recovered_agents.for_each(write_info);
    json.end_array().end_object();
    const auto write_since = [&](const AgentId& id, const WallTime& since) {
        json.begin_object();
        json.key("id").begin_object().key("value").value(id.value).end_object();
        json.key("timestamp").message(time_info(since)).end_object();
    };
    json.key("unreachable").begin_object().key("slaves").begin_array();
    snapshot.unreachable_agents.for_each(write_since);
    json.end_array().end_object();
    json.key("gone").begin_object().key("slaves").begin_array();
    snapshot.gone_agents.for_each(write_since);
    json.end_array().end_object();
    json.end_object();
    return out;
}

}  // namespace tepui::master
