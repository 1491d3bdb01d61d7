#include "cli/verbs/get_tables.h"

#include <algorithm>

#include "cli/client/find_task.h"
#include "cli/view/text.h"
#include "resources/task_state.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

using Align = Table::Align;
using Cells = std::vector<Table::Cell>;

std::string share(const ResourceList& used, const ResourceList& total, std::string_view name) {
    const double a = scalar_sum(used, name);
    const double b = scalar_sum(total, name);
    const bool size = name == "mem" || name == "disk";
    return size ? format_megabytes(a) + "/" + format_megabytes(b)
                : number_text(a) + "/" + number_text(b);
}

std::string hostname_of(const ClusterView& view, const std::string& agent_id) {
    for (const auto& agent : view.agents.get_agents().agents()) {
        if (agent.agent_info().id().value() == agent_id) return agent.agent_info().hostname();
    }
    return agent_id;
}

std::string framework_name(const ClusterView& view, const std::string& id) {
    const auto& lists = view.frameworks.get_frameworks();
    for (const auto* list : {&lists.frameworks(), &lists.completed_frameworks()}) {
        for (const auto& framework : *list) {
            if (framework.framework_info().id().value() == id)
                return framework.framework_info().name();
        }
    }
    return id;
}

template <typename Message>
Listed listed(std::string id, std::string name, Cells row, const Message& message) {
    return Listed{std::move(id), std::move(name), std::move(row), wire::message_to_json(message)};
}

void widen(Cells& row, bool wide, std::initializer_list<Table::Cell> more) {
    if (wide) row.insert(row.end(), more);
}

Listing listing(std::vector<Table::Column> columns, bool wide,
                std::initializer_list<Table::Column> more) {
    if (wide) columns.insert(columns.end(), more);
    return Listing{std::move(columns), {}};
}

}  // namespace

Listing list_agents(const ClusterView& view, bool wide) {
    Listing result = listing({{"ID"},
                              {"HOSTNAME"},
                              {"STATE"},
                              {"CPUS", Align::right},
                              {"MEM", Align::right},
                              {"DISK", Align::right}},
                             wide,
                             {{"GPUS", Align::right},
                              {"PORTS"},
                              {"ATTRIBUTES"},
                              {"ADDRESS"},
                              {"VERSION"},
                              {"REGISTERED"}});
    for (const auto& agent : view.agents.get_agents().agents()) {
        const auto& info = agent.agent_info();
        const auto& total =
            agent.total_resources_size() > 0 ? agent.total_resources() : info.resources();
        const auto& used = agent.allocated_resources();
        Cells row = {info.id().value(),         info.hostname(),
                     agent_state_cell(agent),   share(used, total, "cpus"),
                     share(used, total, "mem"), share(used, total, "disk")};
        widen(row, wide,
              {share(used, total, "gpus"), ports_text(total), attributes_text(info.attributes()),
               agent.pid().substr(agent.pid().rfind('@') + 1), agent.version(),
               time_text(seconds_of(agent.registered_time()))});
        result.items.push_back(listed(info.id().value(), info.hostname(), std::move(row), agent));
    }
    return result;
}

Listing list_frameworks(const ClusterView& view, bool wide, bool all) {
    Listing result = listing(
        {{"ID"},
         {"NAME"},
         {"ROLES"},
         {"STATE"},
         {"TASKS", Align::right},
         {"CPUS", Align::right},
         {"MEM", Align::right}},
        wide, {{"USER"}, {"PRINCIPAL"}, {"HOSTNAME"}, {"OFFERS", Align::right}, {"REGISTERED"}});
    std::map<std::string, int> running;
    for (const auto& task : view.tasks.get_tasks().tasks()) ++running[task.framework_id().value()];
    const auto add = [&](const auto& framework, bool completed) {
        const auto& info = framework.framework_info();
        Table::Cell state = framework_state_cell(framework, completed);
        const auto& used = framework.allocated_resources();
        Cells row = {info.id().value(),
                     info.name(),
                     roles_text(info),
                     std::move(state),
                     std::to_string(running[info.id().value()]),
                     number_text(scalar_sum(used, "cpus")),
                     format_megabytes(scalar_sum(used, "mem"))};
        widen(row, wide,
              {info.user(), info.principal(), info.hostname(),
               std::to_string(framework.offers_size()),
               time_text(seconds_of(framework.registered_time()))});
        result.items.push_back(listed(info.id().value(), info.name(), std::move(row), framework));
    };
    for (const auto& framework : view.frameworks.get_frameworks().frameworks())
        add(framework, false);
    if (all) {
        for (const auto& framework : view.frameworks.get_frameworks().completed_frameworks()) {
            add(framework, true);
        }
    }
    return result;
}

Listing list_tasks(const ClusterView& view, bool wide, bool all) {
    Listing result = listing(
        {{"ID"},
         {"NAME"},
         {"STATE"},
         {"FRAMEWORK"},
         {"AGENT"},
         {"CPUS", Align::right},
         {"MEM", Align::right}},
        wide, {{"DISK", Align::right}, {"GPUS", Align::right}, {"USER"}, {"UPDATED"}, {"MESSAGE"}});
    for (const auto& task : all_tasks(view.tasks)) {
        if (!all && is_terminal(task.state())) continue;
        double updated = 0;
        std::string message;
        for (const auto& status : task.statuses()) {
            updated = std::max(updated, status.timestamp());
            if (!status.message().empty()) message = status.message();
        }
        Cells row = {task.task_id().value(),
                     task.name(),
                     task_state_cell(task.state()),
                     framework_name(view, task.framework_id().value()),
                     hostname_of(view, task.agent_id().value()),
                     number_text(scalar_sum(task.resources(), "cpus")),
                     format_megabytes(scalar_sum(task.resources(), "mem"))};
        widen(row, wide,
              {format_megabytes(scalar_sum(task.resources(), "disk")),
               number_text(scalar_sum(task.resources(), "gpus")), task.user(), time_text(updated),
               message});
        result.items.push_back(listed(task.task_id().value(), task.name(), std::move(row), task));
    }
    return result;
}

Listing list_offers(const ClusterView& view, bool wide) {
    Listing result = listing({{"ID"},
                              {"FRAMEWORK"},
                              {"AGENT"},
                              {"ROLE"},
                              {"CPUS", Align::right},
                              {"MEM", Align::right},
                              {"DISK", Align::right}},
                             wide, {{"GPUS", Align::right}, {"PORTS"}});
    for (const auto& framework : view.frameworks.get_frameworks().frameworks()) {
        for (const auto& offer : framework.offers()) {
            const auto& resources = offer.resources();
            Cells row = {offer.id().value(),
                         framework.framework_info().name(),
                         hostname_of(view, offer.agent_id().value()),
                         offer.allocation_info().role(),
                         number_text(scalar_sum(resources, "cpus")),
                         format_megabytes(scalar_sum(resources, "mem")),
                         format_megabytes(scalar_sum(resources, "disk"))};
            widen(row, wide, {number_text(scalar_sum(resources, "gpus")), ports_text(resources)});
            result.items.push_back(listed(offer.id().value(), framework.framework_info().name(),
                                          std::move(row), offer));
        }
    }
    return result;
}

Listing list_roles(const ClusterView& view, bool wide) {
    Listing result = listing({{"NAME"},
                              {"WEIGHT", Align::right},
                              {"FRAMEWORKS", Align::right},
                              {"CPUS", Align::right},
                              {"MEM", Align::right}},
                             wide, {{"DISK", Align::right}, {"GPUS", Align::right}});
    for (const auto& role : view.roles.get_roles().roles()) {
        const auto& used = role.resources();
        Cells row = {role.name(), number_text(role.weight()),
                     std::to_string(role.frameworks_size()), number_text(scalar_sum(used, "cpus")),
                     format_megabytes(scalar_sum(used, "mem"))};
        widen(row, wide,
              {format_megabytes(scalar_sum(used, "disk")), number_text(scalar_sum(used, "gpus"))});
        result.items.push_back(listed(role.name(), "", std::move(row), role));
    }
    return result;
}

Listing list_executors(const ClusterView& view, bool wide) {
    Listing result = listing({{"ID"},
                              {"NAME"},
                              {"TYPE"},
                              {"FRAMEWORK"},
                              {"AGENT"},
                              {"TASKS", Align::right},
                              {"CPUS", Align::right},
                              {"MEM", Align::right}},
                             wide, {{"DISK", Align::right}, {"COMMAND"}});
    std::map<std::pair<std::string, std::string>, int> tasks;
    for (const auto& task : view.tasks.get_tasks().tasks()) {
        if (is_terminal(task.state())) continue;
        const std::string& executor = task.executor_id().value();
        ++tasks[{task.framework_id().value(),
                 executor.empty() ? task.task_id().value() : executor}];
    }
    for (const auto& executor : view.executors.get_executors().executors()) {
        const auto& info = executor.executor_info();
        const std::string& id = info.executor_id().value();
        const std::string type =
            info.has_type() ? mesos::v1::ExecutorInfo::Type_Name(info.type()) : "CUSTOM";
        Cells row = {id,
                     info.name(),
                     type,
                     framework_name(view, info.framework_id().value()),
                     hostname_of(view, executor.agent_id().value()),
                     std::to_string(tasks[{info.framework_id().value(), id}]),
                     number_text(scalar_sum(info.resources(), "cpus")),
                     format_megabytes(scalar_sum(info.resources(), "mem"))};
        widen(row, wide,
              {format_megabytes(scalar_sum(info.resources(), "disk")), info.command().value()});
        result.items.push_back(listed(id, info.name(), std::move(row), executor));
    }
    return result;
}

Result<Listing> select(Listing listing, const std::vector<std::string>& wanted,
                       const std::string& kind) {
    if (wanted.empty()) return listing;
    std::vector<bool> keep(listing.items.size());
    for (const std::string& word : wanted) {
        bool found = false;
        for (std::size_t i = 0; i < listing.items.size(); ++i) {
            const Listed& item = listing.items[i];
            if (!item.id.starts_with(word) && item.name != word) continue;
            keep[i] = true;
            found = true;
        }
        if (!found) return fail(Errc::not_found, "there are no {} '{}'", kind, word);
    }
    Listing chosen{std::move(listing.columns), {}};
    for (std::size_t i = 0; i < keep.size(); ++i) {
        if (keep[i]) chosen.items.push_back(std::move(listing.items[i]));
    }
    return chosen;
}

}  // namespace tepui::cli
