#include "cli/view/event_story.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "cli/view/text.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using mesos::v1::master::Event;

std::vector<std::string> split_roles(const std::string& text) {
    std::vector<std::string> roles;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        if (comma > start) roles.push_back(text.substr(start, comma - start));
        start = comma + 1;
    }
    return roles;
}

std::string role_of(const mesos::v1::Task& task) {
    for (const auto& resource : task.resources()) {
        if (resource.has_allocation_info()) return resource.allocation_info().role();
    }
    return "";
}

std::string lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

}  // namespace

std::string EventStory::agent_name(const std::string& id) const {
    const auto it = agents_.find(id);
    return it == agents_.end() ? id : it->second;
}

std::string EventStory::framework_name(const std::string& id) const {
    const auto it = frameworks_.find(id);
    return it == frameworks_.end() ? id : it->second.name;
}

bool EventStory::passes(const Subject& subject) const {
    if (subject.kind.empty()) return false;
    if (!filter_.kinds.empty()) {
        const auto fits = [&subject](const std::string& kind) {
            return subject.kind == kind || subject.kind.starts_with(kind + "_");
        };
        if (std::none_of(filter_.kinds.begin(), filter_.kinds.end(), fits)) return false;
    }
    if (!filter_.framework.empty() && subject.framework != filter_.framework) return false;
    if (!filter_.agent.empty() && subject.agent != filter_.agent) return false;
    if (filter_.role.empty()) return true;
    return std::any_of(subject.roles.begin(), subject.roles.end(), [this](const auto& role) {
        return role == filter_.role || role.starts_with(filter_.role + "/");
    });
}

bool EventStory::wants(const Event& event) const {
    const bool always = event.type() == Event::SUBSCRIBED || event.type() == Event::HEARTBEAT;
    return !always && passes(last_);
}

EventStory::Subject EventStory::subject_of_task(const Key& key, std::string kind) const {
    const auto it = tasks_.find(key);
    if (it == tasks_.end()) return {std::move(kind), key.first, "", {}};
    return {std::move(kind), key.first, it->second.agent, {it->second.role}};
}

EventStory::Subject EventStory::subject_of_framework(const std::string& id,
                                                     std::string kind) const {
    const auto it = frameworks_.find(id);
    if (it == frameworks_.end()) return {std::move(kind), id, "", {}};
    return {std::move(kind), id, "", split_roles(it->second.roles)};
}

std::vector<EventLine> EventStory::feed(const Event& event, double now) {
    std::vector<EventLine> out;
    last_ = {};
    // A task that has ended is remembered for the one event that says so.
    if (ended_) tasks_.erase(*ended_);
    ended_.reset();
    const std::string kind = lower_case(Event::Type_Name(event.type()));
    switch (event.type()) {
        case Event::SUBSCRIBED: snapshot(event.subscribed().get_state(), now, out); break;
        case Event::TASK_ADDED: {
            const auto& task = event.task_added().task();
            task_seen(task, now, out);
            last_ = subject_of_task({task.framework_id().value(), task.task_id().value()}, kind);
            break;
        }
        case Event::TASK_UPDATED: {
            const auto& update = event.task_updated();
            const Key key{update.framework_id().value(), update.status().task_id().value()};
            task_updated(update, now, out);
            last_ = subject_of_task(key, kind);
            break;
        }
        case Event::AGENT_ADDED:
            last_ = {kind, "", event.agent_added().agent().agent_info().id().value(), {}};
            agent_added(event.agent_added().agent(), now, out);
            break;
        case Event::AGENT_REMOVED:
            last_ = {kind, "", event.agent_removed().agent_id().value(), {}};
            agent_removed(event.agent_removed().agent_id().value(), now, out);
            break;
        case Event::FRAMEWORK_ADDED:
        case Event::FRAMEWORK_UPDATED: {
            const auto& framework = event.type() == Event::FRAMEWORK_ADDED
                                        ? event.framework_added().framework()
                                        : event.framework_updated().framework();
            framework_seen(framework, now, out);
            last_ = subject_of_framework(framework.framework_info().id().value(), kind);
            break;
        }
        case Event::FRAMEWORK_REMOVED: {
            const std::string id = event.framework_removed().framework_info().id().value();
            last_ = subject_of_framework(id, kind);
            framework_removed(id, now, out);
            break;
        }
        case Event::HEARTBEAT:
        case Event::UNKNOWN: break;
    }
    // A snapshot's lines were judged one by one; those of an event stand and fall with it.
    if (event.type() != Event::SUBSCRIBED && !passes(last_)) out.clear();
    return out;
}

void EventStory::snapshot(const State& state, double now, std::vector<EventLine>& out) {
    std::vector<EventLine> said;
    const auto keep = [&](const Subject& subject) {
        const bool told = told_ || tell_snapshot_;
        if (told && passes(subject)) out.insert(out.end(), said.begin(), said.end());
        said.clear();
    };
    if (told_) forget_absent(state, now, out);
    for (const Agent& agent : state.get_agents().agents()) {
        const std::string& id = agent.agent_info().id().value();
        if (!agents_.contains(id)) agent_added(agent, now, said);
        keep({"agent_added", "", id, {}});
    }
    for (const Framework& framework : state.get_frameworks().frameworks()) {
        framework_seen(framework, now, said);
        keep(subject_of_framework(framework.framework_info().id().value(), "framework_updated"));
    }
    const auto& tasks = state.get_tasks();
    for (const auto* list :
         {&tasks.tasks(), &tasks.unreachable_tasks(), &tasks.completed_tasks()}) {
        for (const auto& task : *list) {
            const Key key{task.framework_id().value(), task.task_id().value()};
            const auto known = tasks_.find(key);
            // What ended before the story began is no news; nor is what has not changed.
            const bool old = known == tasks_.end() ? is_terminal(task.state())
                                                   : known->second.state == task.state();
            if (!old) task_seen(task, now, said);
            keep(subject_of_task(key, "task_updated"));
            if (is_terminal(task.state())) tasks_.erase(key);
        }
    }
    told_ = true;
}

void EventStory::forget_absent(const State& state, double now, std::vector<EventLine>& out) {
    std::set<std::string> present;
    for (const Agent& agent : state.get_agents().agents()) {
        present.insert(agent.agent_info().id().value());
    }
    for (const auto& framework : state.get_frameworks().frameworks()) {
        present.insert(framework.framework_info().id().value());
    }
    std::vector<EventLine> said;
    const auto agents = agents_;
    for (const auto& [id, host] : agents) {
        if (present.contains(id)) continue;
        agent_removed(id, now, said);
        if (passes({"agent_removed", "", id, {}})) out.push_back(said.back());
    }
    const auto frameworks = frameworks_;
    for (const auto& [id, framework] : frameworks) {
        if (present.contains(id)) continue;
        const Subject subject = subject_of_framework(id, "framework_removed");
        framework_removed(id, now, said);
        if (passes(subject)) out.push_back(said.back());
    }
}

void EventStory::agent_added(const Agent& agent, double now, std::vector<EventLine>& out) {
    const auto& info = agent.agent_info();
    agents_[info.id().value()] = info.hostname();
    const auto& total =
        agent.total_resources_size() > 0 ? agent.total_resources() : info.resources();
    out.push_back({now, "agent",
                   fmt::format("{} joined with {} ({})", info.hostname(), resources_text(total),
                               info.id().value()),
                   Table::Tone::good});
}

void EventStory::agent_removed(const std::string& id, double now, std::vector<EventLine>& out) {
    out.push_back(
        {now, "agent", fmt::format("{} left ({})", agent_name(id), id), Table::Tone::bad});
    agents_.erase(id);
}

void EventStory::framework_seen(const Framework& framework, double now,
                                std::vector<EventLine>& out) {
    const auto& info = framework.framework_info();
    const Table::Cell state = framework_state_cell(framework, false);
    KnownFramework& known = frameworks_[info.id().value()];
    const KnownFramework before = known;
    known = {info.name(), roles_text(info), state.text};
    if (before.name == known.name && before.state == known.state && before.roles == known.roles) {
        return;
    }
    out.push_back({now, "framework",
                   fmt::format("{} is {}, roles {} ({})", info.name(), state.text, known.roles,
                               info.id().value()),
                   state.tone});
}

void EventStory::framework_removed(const std::string& id, double now, std::vector<EventLine>& out) {
    out.push_back(
        {now, "framework", fmt::format("{} is removed ({})", framework_name(id), id), {}});
    frameworks_.erase(id);
}

void EventStory::task_seen(const mesos::v1::Task& task, double now, std::vector<EventLine>& out) {
    const Key key{task.framework_id().value(), task.task_id().value()};
    tasks_[key] = {task.name(), role_of(task), task.agent_id().value(), task.state()};
    const auto& statuses = task.statuses();
    say_task(key, statuses.empty() ? nullptr : &statuses.Get(statuses.size() - 1), now, out);
    if (is_terminal(task.state())) ended_ = key;
}

void EventStory::task_updated(const Event::TaskUpdated& update, double now,
                              std::vector<EventLine>& out) {
    const Key key{update.framework_id().value(), update.status().task_id().value()};
    KnownTask& task = tasks_[key];
    task.state = update.status().state();
    if (is_terminal(task.state)) ended_ = key;
    if (task.agent.empty()) task.agent = update.status().agent_id().value();
    say_task(key, &update.status(), now, out);
}

void EventStory::say_task(const Key& key, const mesos::v1::TaskStatus* status, double now,
                          std::vector<EventLine>& out) const {
    const KnownTask& task = tasks_.at(key);
    const Table::Cell state = task_state_cell(task.state);
    std::string text =
        fmt::format("{} of {} is {}", key.second, framework_name(key.first), state.text);
    if (!task.agent.empty()) text += " on " + agent_name(task.agent);
    double time = now;
    if (status != nullptr && status->state() == task.state) {
        if (status->timestamp() > 0) time = status->timestamp();
        if (status->has_healthy()) text += status->healthy() ? ", healthy" : ", unhealthy";
        const std::string reason = reason_text(*status);
        if (!reason.empty()) text += ", " + reason;
        if (!status->message().empty()) text += ": " + status->message();
    }
    out.push_back({time, "task", std::move(text), state.tone});
}

}  // namespace tepui::cli
