#include "master/event_filter.h"

#include <charconv>

#include <fmt/format.h>

#include "base/overloaded.h"
#include "master/core/state.h"
#include "master/core/validation.h"

namespace tepui::master {
namespace {

using V1Event = mesos::v1::master::Event;

constexpr V1Event::Type kinds_with_filter[] = {
    V1Event::TASK_ADDED,       V1Event::TASK_UPDATED,    V1Event::AGENT_ADDED,
    V1Event::AGENT_REMOVED,    V1Event::FRAMEWORK_ADDED, V1Event::FRAMEWORK_UPDATED,
    V1Event::FRAMEWORK_REMOVED};

constexpr std::size_t values_max = 1000;  // Of one parameter.

bool allows(const std::set<std::string>& wanted, const std::string& value) {
    return wanted.empty() || wanted.contains(value);
}

bool allows_any(const std::set<std::string>& wanted, const std::set<std::string>& values) {
    if (wanted.empty()) return true;
    for (const std::string& value : values) {
        if (wanted.contains(value)) return true;
    }
    return false;
}

template <typename Holder>
std::string role_of(const Holder& holder) {
    return holder.resources().empty() ? "" : holder.resources(0).allocation_info().role();
}

bool allows_kind(const EventFilter& filter, std::initializer_list<V1Event::Type> kinds) {
    if (filter.kinds.empty()) return true;
    for (const V1Event::Type kind : kinds) {
        if (filter.kinds.contains(kind)) return true;
    }
    return false;
}

bool of_task(const EventFilter& filter, const std::string& framework, const std::string& agent,
             const std::string& role) {
    return allows(filter.frameworks, framework) && allows(filter.agents, agent) &&
           allows(filter.roles, role);
}

bool of_framework(const EventFilter& filter, const std::string& id,
                  const std::set<std::string>& roles) {
    return filter.agents.empty() && allows(filter.frameworks, id) &&
           allows_any(filter.roles, roles);
}

bool of_agent(const EventFilter& filter, const std::string& id) {
    return filter.frameworks.empty() && filter.roles.empty() && allows(filter.agents, id);
}

Result<void> add_values(std::set<std::string>& values, const std::string& name,
                        std::string_view text) {
    while (true) {
        const std::size_t comma = text.find(',');
        const std::string_view value = text.substr(0, comma);
        if (value.empty())
            return fail(Errc::invalid_argument, "The parameter '{}' has an empty value.", name);
        values.emplace(value);
        if (values.size() > values_max)
            return fail(Errc::invalid_argument, "The parameter '{}' has more than {} values.", name,
                        values_max);
        if (comma == std::string_view::npos) return {};
        text.remove_prefix(comma + 1);
    }
}

Result<void> add_kinds(EventFilter& filter, const std::string& text) {
    std::set<std::string> names;
    TEPUI_CHECK_OK(add_values(names, "kind", text));
    for (const std::string& name : names) {
        bool known = false;
        for (const V1Event::Type kind : kinds_with_filter) {
            if (V1Event::Type_Name(kind) != name) continue;
            filter.kinds.insert(kind);
            known = true;
        }
        if (known) continue;
        std::string all;
        for (const V1Event::Type kind : kinds_with_filter)
            all += (all.empty() ? "" : ", ") + V1Event::Type_Name(kind);
        return fail(Errc::invalid_argument, "'{}' is no kind of event; there are {}.", name, all);
    }
    return {};
}

Result<std::uint64_t> whole(const std::string& name, const std::string& text) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size())
        return fail(Errc::invalid_argument, "The parameter '{}' is '{}', which is no number.", name,
                    text);
    return number;
}

Result<bool> flag(const std::string& name, const std::string& text) {
    if (text == "1" || text == "true") return true;
    if (text == "0" || text == "false") return false;
    return fail(Errc::invalid_argument, "The parameter '{}' is '{}'; it may be 1 or 0.", name,
                text);
}

}  // namespace

bool EventFilter::empty() const {
    return frameworks.empty() && roles.empty() && agents.empty() && kinds.empty();
}

bool EventFilter::passes(const OperatorEvent& event) const {
    return std::visit(Overloaded{
                          [&](const TaskAdded& added) {
                              return allows_kind(*this, {V1Event::TASK_ADDED}) &&
                                     of_task(*this, added.task->framework_id().value(),
                                             added.task->agent_id().value(), role_of(*added.task));
                          },
                          [&](const TaskUpdated& updated) {
                              return allows_kind(*this, {V1Event::TASK_UPDATED}) &&
                                     of_task(*this, updated.framework.value,
                                             updated.status->agent_id().value(), updated.role);
                          },
                          [&](const AgentAdded& added) {
                              return allows_kind(*this, {V1Event::AGENT_ADDED}) &&
                                     of_agent(*this, added.agent->id.value);
                          },
                          [&](const AgentRemoved& removed) {
                              return allows_kind(*this, {V1Event::AGENT_REMOVED}) &&
                                     of_agent(*this, removed.agent.value);
                          },
                          [&](const FrameworkAdded& added) {
                              return allows_kind(*this, {V1Event::FRAMEWORK_ADDED}) &&
                                     of_framework(*this, added.framework.info->id().value(),
                                                  added.framework.roles);
                          },
                          [&](const FrameworkUpdated& updated) {
                              return allows_kind(*this, {V1Event::FRAMEWORK_UPDATED}) &&
                                     of_framework(*this, updated.framework.info->id().value(),
                                                  updated.framework.roles);
                          },
                          [&](const FrameworkRemoved& removed) {
                              return allows_kind(*this, {V1Event::FRAMEWORK_REMOVED}) &&
                                     of_framework(*this, removed.info->id().value(), removed.roles);
                          },
                      },
                      event);
}

bool EventFilter::passes_task(const mesos::v1::Task& task) const {
    return allows_kind(*this, {V1Event::TASK_ADDED, V1Event::TASK_UPDATED}) &&
           of_task(*this, task.framework_id().value(), task.agent_id().value(), role_of(task));
}

bool EventFilter::passes_executor(const std::string& framework, const std::string& agent,
                                  const mesos::v1::ExecutorInfo& executor) const {
    return allows_kind(*this, {V1Event::TASK_ADDED, V1Event::TASK_UPDATED}) &&
           of_task(*this, framework, agent, role_of(executor));
}

bool EventFilter::passes_framework(const mesos::v1::FrameworkInfo& info) const {
    return allows_kind(*this, {V1Event::FRAMEWORK_ADDED, V1Event::FRAMEWORK_UPDATED,
                               V1Event::FRAMEWORK_REMOVED}) &&
           of_framework(*this, info.id().value(), framework_roles(info));
}

bool EventFilter::passes_agent(const std::string& agent) const {
    return allows_kind(*this, {V1Event::AGENT_ADDED, V1Event::AGENT_REMOVED}) &&
           of_agent(*this, agent);
}

Result<EventRequest> parse_event_request(
    const std::vector<std::pair<std::string, std::string>>& query) {
    EventRequest request;
    std::optional<std::uint64_t> after;
    std::string master;
    for (const auto& [name, value] : query) {
        if (name == "sequence") {
            request.sequenced = TEPUI_TRY(flag(name, value));
        } else if (name == "after") {
            after = TEPUI_TRY(whole(name, value));
        } else if (name == "master") {
            master = value;
        } else if (name == "framework") {
            TEPUI_CHECK_OK(add_values(request.filter.frameworks, name, value));
        } else if (name == "role") {
            TEPUI_CHECK_OK(add_values(request.filter.roles, name, value));
        } else if (name == "agent") {
            TEPUI_CHECK_OK(add_values(request.filter.agents, name, value));
        } else if (name == "kind") {
            TEPUI_CHECK_OK(add_kinds(request.filter, value));
        } else {
            return fail(Errc::invalid_argument,
                        "SUBSCRIBE has no parameter '{}'; there are sequence, after, master, "
                        "framework, role, agent and kind.",
                        name);
        }
    }
    if (after && master.empty())
        return fail(Errc::invalid_argument,
                    "The parameter 'after' needs 'master', the master_id of SUBSCRIBED: each "
                    "master counts its own events.");
    if (!after && !master.empty())
        return fail(Errc::invalid_argument,
                    "The parameter 'master' means nothing without 'after'.");
    if (after) {
        request.after = EventPosition{std::move(master), *after};
        request.sequenced = true;
    }
    return request;
}

}  // namespace tepui::master
