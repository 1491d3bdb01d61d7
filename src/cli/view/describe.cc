#include "cli/view/describe.h"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/core.h>

#include "cli/client/find_task.h"
#include "cli/table.h"
#include "cli/view/page.h"
#include "cli/view/text.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using mesos::v1::Task;
using mesos::v1::TaskStatus;

std::string framework_text(const DescribeView& view, const std::string& id) {
    const auto& lists = view.frameworks.get_frameworks();
    for (const auto* list : {&lists.frameworks(), &lists.completed_frameworks()}) {
        for (const auto& framework : *list) {
            if (framework.framework_info().id().value() != id) continue;
            return fmt::format("{} ({})", framework.framework_info().name(), id);
        }
    }
    return id;
}

std::string agent_text(const DescribeView& view, const std::string& id) {
    for (const auto& agent : view.agents.get_agents().agents()) {
        if (agent.agent_info().id().value() != id) continue;
        return fmt::format("{} ({})", agent.agent_info().hostname(), id);
    }
    return id + ", not registered now";
}

std::string when(double time, double now) {
    const std::string text = time_text(time);
    return text.empty() ? "" : fmt::format("{} ({})", text, age_text(time, now));
}

/// Masters set both times when an object comes first; only a later return is one.
template <typename Object>
std::string came_back(const Object& object, double now) {
    const double again = seconds_of(object.reregistered_time());
    return again - seconds_of(object.registered_time()) < 1 ? "" : when(again, now);
}

std::string source_text(const TaskStatus& status) {
    if (!status.has_source()) return "";
    const std::string name = TaskStatus::Source_Name(status.source());
    return name.substr(name.find('_') + 1);
}

std::string check_text(const mesos::v1::CheckStatusInfo& check) {
    if (check.has_command()) {
        return check.command().has_exit_code()
                   ? fmt::format("command exited with {}", check.command().exit_code())
                   : "command, no result yet";
    }
    if (check.has_http()) {
        return check.http().has_status_code()
                   ? fmt::format("HTTP status {}", check.http().status_code())
                   : "HTTP, no result yet";
    }
    if (!check.has_tcp()) return "";
    if (!check.tcp().has_succeeded()) return "TCP, no result yet";
    return check.tcp().succeeded() ? "TCP connected" : "TCP did not connect";
}

Table::Cell health_cell(const Task& task, const TaskStatus* last) {
    if (last != nullptr && last->has_healthy()) {
        return last->healthy() ? Table::Cell{"healthy", Table::Tone::good}
                               : Table::Cell{"unhealthy", Table::Tone::bad};
    }
    return task.has_health_check() ? "not known yet" : "";
}

std::string role_of(const ResourceList& resources) {
    return resources.empty() ? "" : resources.Get(0).allocation_info().role();
}

std::string addresses(const TaskStatus& status) {
    std::string text;
    for (const auto& network : status.container_status().network_infos()) {
        for (const auto& address : network.ip_addresses()) {
            text += (text.empty() ? "" : ", ") + address.ip_address();
        }
    }
    return text;
}

Table history(const Task& task) {
    Table table({{"TIME"}, {"STATE"}, {"SOURCE"}, {"REASON"}, {"MESSAGE"}});
    for (const TaskStatus& status : task.statuses()) {
        table.add({time_text(status.timestamp()), task_state_cell(status.state()),
                   source_text(status), reason_text(status), status.message()});
    }
    return table;
}

/// The last states that tasks went through, newest last.
Table recent_events(const DescribeView& view, const std::function<bool(const Task&)>& concerns) {
    constexpr std::size_t shown_max = 10;
    // Those of one time stay in the order in which they came.
    std::multimap<double, std::pair<const TaskStatus*, std::string>> events;
    const auto& lists = view.tasks.get_tasks();
    for (const auto* list :
         {&lists.tasks(), &lists.unreachable_tasks(), &lists.completed_tasks()}) {
        for (const Task& task : *list) {
            if (!concerns(task)) continue;
            for (const TaskStatus& status : task.statuses()) {
                events.emplace(status.timestamp(), std::pair(&status, task.task_id().value()));
            }
        }
    }
    Table table({{"TIME"}, {"TASK"}, {"STATE"}, {"REASON"}, {"MESSAGE"}});
    while (events.size() > shown_max) events.erase(events.begin());
    for (const auto& [time, event] : events) {
        const TaskStatus& status = *event.first;
        table.add({time_text(time), event.second, task_state_cell(status.state()),
                   reason_text(status), status.message()});
    }
    return table;
}

Table task_table(const DescribeView& view, const std::function<bool(const Task&)>& concerns,
                 bool of_agent) {
    Table table({{"TASK"}, {"STATE"}, {of_agent ? "FRAMEWORK" : "AGENT"}, {"RESOURCES"}});
    for (const Task& task : all_tasks(view.tasks)) {
        if (!concerns(task) || is_terminal(task.state())) continue;
        const std::string other = of_agent ? framework_text(view, task.framework_id().value())
                                           : agent_text(view, task.agent_id().value());
        table.add({task.task_id().value(), task_state_cell(task.state()), other,
                   resources_text(task.resources())});
    }
    return table;
}

std::string reserved_text(const ResourceList& resources) {
    std::map<std::string, ResourceList> by_role;
    for (const auto& resource : resources) {
        if (resource.reservations_size() == 0) continue;
        const auto& newest = resource.reservations(resource.reservations_size() - 1);
        *by_role[newest.role()].Add() = resource;
    }
    std::string text;
    for (const auto& [role, list] : by_role) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", role, resources_text(list));
    }
    return text;
}

Table amounts(const mesos::v1::master::Response::GetAgents::Agent& agent) {
    const auto& total =
        agent.total_resources_size() > 0 ? agent.total_resources() : agent.agent_info().resources();
    using Align = Table::Align;
    Table table({{"RESOURCE"},
                 {"TOTAL", Align::right},
                 {"USED", Align::right},
                 {"OFFERED", Align::right},
                 {"FREE", Align::right}});
    std::vector<std::string> names;
    for (const auto& resource : total) {
        const bool known = std::find(names.begin(), names.end(), resource.name()) != names.end();
        if (resource.has_scalar() && !known) names.push_back(resource.name());
    }
    for (const std::string& name : names) {
        const double all = scalar_sum(total, name);
        const double used = scalar_sum(agent.allocated_resources(), name);
        const double offered = scalar_sum(agent.offered_resources(), name);
        table.add({name, amount_text(name, all), amount_text(name, used),
                   amount_text(name, offered), amount_text(name, all - used - offered)});
    }
    const std::string ports = ports_text(total);
    if (!ports.empty()) {
        table.add({"ports", ports, ports_text(agent.allocated_resources()),
                   ports_text(agent.offered_resources()), ""});
    }
    return table;
}

std::string domain_text(const mesos::v1::DomainInfo& domain) {
    if (!domain.has_fault_domain()) return "";
    return domain.fault_domain().region().name() + "/" + domain.fault_domain().zone().name();
}

void add_executor(Page& page, const Task& task, const DescribeView& view) {
    const std::string id = task.task_id().value();
    const std::string executor =
        task.executor_id().value().empty() ? id : task.executor_id().value();
    page.field("Executor", executor == id ? "command" : executor);
    if (!view.agent_state) {
        page.field("Sandbox", {"not known: its agent does not answer", Table::Tone::warning});
        return;
    }
    const auto place = executor_place(*view.agent_state, task.framework_id().value(), executor);
    if (!place) {
        page.field("Sandbox", "its agent has it no more");
        return;
    }
    page.field("Sandbox", executor == id ? place->directory : place->directory + "/tasks/" + id);
    page.field("Container", place->container);
}

}  // namespace

std::optional<ExecutorPlace> executor_place(const JsonValue& agent_state,
                                            const std::string& framework,
                                            const std::string& executor) {
    const auto items = [](const JsonValue& value, std::string_view name) {
        const JsonValue* member = value.find(name);
        return member == nullptr ? std::vector<JsonValue>{} : member->items;
    };
    for (const char* frameworks : {"frameworks", "completed_frameworks"}) {
        for (const JsonValue& each : items(agent_state, frameworks)) {
            if (each.text_of("id") != framework) continue;
            for (const char* executors : {"executors", "completed_executors"}) {
                for (const JsonValue& found : items(each, executors)) {
                    if (found.text_of("id") != executor) continue;
                    return ExecutorPlace{found.text_of("directory"), found.text_of("container")};
                }
            }
        }
    }
    return std::nullopt;
}

std::string describe_task(const Task& task, const DescribeView& view) {
    const TaskStatus* last =
        task.statuses_size() > 0 ? &task.statuses(task.statuses_size() - 1) : nullptr;
    Page page;
    page.field("Task", task.task_id().value());
    page.field("Name", task.name());
    Table::Cell state = task_state_cell(task.state());
    if (last != nullptr && last->state() == task.state() && last->timestamp() > 0) {
        state.text += " since " + when(last->timestamp(), view.now);
    }
    page.field("State", state);
    page.field("Framework", framework_text(view, task.framework_id().value()));
    page.field("Agent", agent_text(view, task.agent_id().value()));
    page.field("User", task.user());
    page.field("Role", role_of(task.resources()));
    page.field("Resources", resources_text(task.resources()));
    std::string limits;
    for (const auto& [name, value] : std::map(task.limits().begin(), task.limits().end())) {
        limits += fmt::format("{}{} {}", limits.empty() ? "" : ", ", name,
                              amount_text(name, value.value()));
    }
    page.field("Limits", limits);
    page.field("Labels", labels_text(task.labels()));
    page.field("Health", health_cell(task, last));
    if (last != nullptr) {
        page.field("Check", check_text(last->check_status()));
        page.field("Addresses", addresses(*last));
    }
    add_executor(page, task, view);
    page.section("History", history(task), view.color, "no update has come yet");
    return page.render(view.color);
}

std::string describe_agent(const mesos::v1::master::Response::GetAgents::Agent& agent,
                           const DescribeView& view) {
    const auto& info = agent.agent_info();
    Page page;
    page.field("Agent", info.id().value());
    page.field("Host", info.hostname());
    page.field("Address", agent.pid().substr(agent.pid().rfind('@') + 1));
    page.field("State", agent_state_cell(agent));
    page.field("Version", agent.version());
    page.field("Registered", when(seconds_of(agent.registered_time()), view.now));
    page.field("Came back", came_back(agent, view.now));
    page.field("Domain", domain_text(info.domain()));
    page.field("Attributes", attributes_text(info.attributes()));
    const auto& total =
        agent.total_resources_size() > 0 ? agent.total_resources() : info.resources();
    page.field("Reserved", reserved_text(total));
    std::string capabilities;
    for (const auto& capability : agent.capabilities()) {
        capabilities += (capabilities.empty() ? "" : ", ") +
                        mesos::v1::AgentInfo::Capability::Type_Name(capability.type());
    }
    page.field("Capabilities", capabilities);
    if (view.agent_state) {
        const JsonValue* flags = view.agent_state->find("flags");
        if (flags != nullptr) page.field("Work directory", flags->text_of("work_dir"));
    }
    const auto here = [&info](const Task& task) {
        return task.agent_id().value() == info.id().value();
    };
    page.section("Resources", amounts(agent), view.color);
    page.section("Tasks", task_table(view, here, true), view.color, "none");
    page.section("Recent events", recent_events(view, here), view.color);
    return page.render(view.color);
}

std::string describe_framework(
    const mesos::v1::master::Response::GetFrameworks::Framework& framework, bool completed,
    const DescribeView& view) {
    const auto& info = framework.framework_info();
    Page page;
    page.field("Framework", info.id().value());
    page.field("Name", info.name());
    page.field("State", framework_state_cell(framework, completed));
    page.field("Roles", roles_text(info));
    page.field("User", info.user());
    page.field("Principal", info.principal());
    page.field("Host", info.hostname());
    page.field("Web page", info.webui_url());
    page.field("Registered", when(seconds_of(framework.registered_time()), view.now));
    page.field("Came back", came_back(framework, view.now));
    page.field("Ended", when(seconds_of(framework.unregistered_time()), view.now));
    page.field("Failover", fmt::format("{} seconds", number_text(info.failover_timeout())));
    page.field("Checkpoint", info.checkpoint() ? "yes" : "no");
    std::string capabilities;
    for (const auto& capability : info.capabilities()) {
        capabilities += (capabilities.empty() ? "" : ", ") +
                        mesos::v1::FrameworkInfo::Capability::Type_Name(capability.type());
    }
    page.field("Capabilities", capabilities);
    page.field("Labels", labels_text(info.labels()));
    page.field("Used", resources_text(framework.allocated_resources()));
    page.field("Offered", resources_text(framework.offered_resources()));
    const auto ours = [&info](const Task& task) {
        return task.framework_id().value() == info.id().value();
    };
    Table offers({{"OFFER"}, {"AGENT"}, {"RESOURCES"}});
    for (const auto& offer : framework.offers()) {
        offers.add({offer.id().value(), agent_text(view, offer.agent_id().value()),
                    resources_text(offer.resources())});
    }
    page.section("Offers", offers, view.color);
    page.section("Tasks", task_table(view, ours, false), view.color, "none");
    page.section("Recent events", recent_events(view, ours), view.color);
    return page.render(view.color);
}

}  // namespace tepui::cli
