#include "master/core/turn.h"

namespace tepui::master {

namespace {

// Beyond this many ids a reader is better off reading everything; also what bounds the memory of a
// core whose changes nobody takes.
constexpr std::size_t listed_changes_max = 100'000;

}  // namespace

template <typename Set, typename Key>
void Turn::note(Set& set, const Key& key) {
    touched = true;
    Changes& changes = state.changes;
    if (changes.everything) return;
    if (set.size() >= listed_changes_max) {
        changes = Changes{};
        changes.everything = true;
        return;
    }
    set.insert(key);
}

void Turn::changed(const FrameworkId& framework) { note(state.changes.frameworks, framework); }
void Turn::changed(const AgentId& agent) {
    note(state.changes.agents, agent);
    if (!state.watched_agents.empty() && state.watched_agents.contains(agent)) {
        state.agents_to_review.insert(agent);
    }
}
void Turn::changed(const TaskKey& task) { note(state.changes.tasks, task); }
void Turn::changed(const OfferId& offer) { note(state.changes.offers, offer); }
void Turn::completed_framework_changed() {
    touched = true;
    state.changes.completed_frameworks = true;
}
void Turn::weights_changed() {
    touched = true;
    state.changes.weights = true;
}

void Turn::quotas_changed() {
    touched = true;
    state.changes.quotas = true;
}

void Turn::maintenance_changed() {
    touched = true;
    state.changes.maintenance = true;
}

void Turn::priorities_changed() {
    touched = true;
    state.changes.priorities = true;
}

void Turn::count(std::string_view counter) {
    const auto it = state.counters.find(counter);
    if (it == state.counters.end()) {
        state.counters.emplace(counter, 1);
    } else {
        ++it->second;
    }
}

void Turn::send(const Framework& framework,
                std::shared_ptr<const mesos::v1::scheduler::Event> event) {
    if (!framework.connected()) {
        count("dropped_messages");
        return;
    }
    framework.tally.sent(*event);
    effects.emplace_back(SendToScheduler{*framework.stream, std::move(event)});
}

void Turn::send(const Framework& framework, mesos::v1::scheduler::Event event) {
    send(framework, std::make_shared<const mesos::v1::scheduler::Event>(std::move(event)));
}

void Turn::send(const Agent& agent, std::shared_ptr<const link::ToAgent> frame) {
    if (!agent.link) {
        count("dropped_messages");
        return;
    }
    effects.emplace_back(SendToAgent{*agent.link, std::move(frame)});
}

void Turn::send(const Agent& agent, link::ToAgent frame) {
    frame.set_agent_id(agent.id.value);
    send(agent, std::make_shared<const link::ToAgent>(std::move(frame)));
}

PersistToken Turn::persist(std::vector<RegistryWrite> writes, Continuation continuation) {
    const PersistToken token{state.pending.next_token++};
    state.pending.continuations.emplace(token, std::move(continuation));
    effects.emplace_back(PersistWrites{token, std::move(writes)});
    return token;
}

Framework* Turn::find_framework(const FrameworkId& id) {
    const auto it = state.frameworks.find(id);
    return it == state.frameworks.end() ? nullptr : &it->second;
}

Agent* Turn::find_agent(const AgentId& id) {
    const auto it = state.agents.find(id);
    return it == state.agents.end() ? nullptr : &it->second;
}

mesos::v1::scheduler::Event error_event(std::string_view message) {
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::ERROR);
    event.mutable_error()->set_message(std::string(message));
    return event;
}

}  // namespace tepui::master
