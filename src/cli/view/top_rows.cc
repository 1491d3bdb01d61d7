#include "cli/view/top_rows.h"

#include <algorithm>

#include <fmt/core.h>

#include "cli/client/find_task.h"
#include "cli/table.h"
#include "cli/view/text.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

constexpr double megabyte = 1024.0 * 1024.0;

struct Use {
    double cpus = 0;
    double megabytes = 0;
};

struct Row {
    std::string name;
    Table::Cell state = "";
    Use used;
    bool known = false;  // Something told what is used.
    double cpus_allocated = 0;
    double megabytes_allocated = 0;
    double cpus_total = 0;
    double megabytes_total = 0;
    int tasks = 0;
};

Use use_between(const AgentUsage& before, const AgentUsage& now, const std::string& framework) {
    Use use;
    for (const auto& [key, usage] : now) {
        if (!framework.empty() && key.first != framework) continue;
        use.megabytes += usage.memory_bytes / megabyte;
        const auto earlier = before.find(key);
        if (earlier == before.end()) continue;
        const double span = usage.timestamp - earlier->second.timestamp;
        const double worked = usage.cpu_seconds - earlier->second.cpu_seconds;
        // An executor that was started anew counts from zero.
        if (span > 0 && worked >= 0) use.cpus += worked / span;
    }
    return use;
}

std::string cpus_text(double cpus) { return fmt::format("{:.2f}", cpus); }

std::string share_text(double part, double whole) {
    return whole > 0 ? fmt::format("{:.0f}%", 100 * part / whole) : "";
}

void sort_rows(std::vector<Row>& rows, const std::string& sort) {
    std::sort(rows.begin(), rows.end(), [&sort](const Row& a, const Row& b) {
        if (sort == "cpu" && a.used.cpus != b.used.cpus) return a.used.cpus > b.used.cpus;
        if (sort == "mem" && a.used.megabytes != b.used.megabytes) {
            return a.used.megabytes > b.used.megabytes;
        }
        return a.name < b.name;
    });
}

std::string render_rows(std::vector<Row> rows, const std::string& heading, bool with_total,
                        const std::string& sort, bool color) {
    using Align = Table::Align;
    sort_rows(rows, sort);
    std::vector<Table::Column> columns = {{heading},
                                          {"STATE"},
                                          {"TASKS", Align::right},
                                          {"CPU USED", Align::right},
                                          {"ALLOCATED", Align::right}};
    if (with_total) columns.insert(columns.end(), {{"TOTAL", Align::right}, {"USE", Align::right}});
    columns.insert(columns.end(), {{"MEM USED", Align::right}, {"ALLOCATED", Align::right}});
    if (with_total) columns.insert(columns.end(), {{"TOTAL", Align::right}, {"USE", Align::right}});
    Table table(columns);
    for (const Row& row : rows) {
        std::vector<Table::Cell> cells = {row.name, row.state, std::to_string(row.tasks),
                                          row.known ? cpus_text(row.used.cpus) : "?",
                                          cpus_text(row.cpus_allocated)};
        if (with_total) {
            cells.emplace_back(cpus_text(row.cpus_total));
            cells.emplace_back(row.known ? share_text(row.used.cpus, row.cpus_total) : "?");
        }
        cells.emplace_back(row.known ? format_megabytes(row.used.megabytes) : "?");
        cells.emplace_back(format_megabytes(row.megabytes_allocated));
        if (with_total) {
            cells.emplace_back(format_megabytes(row.megabytes_total));
            cells.emplace_back(row.known ? share_text(row.used.megabytes, row.megabytes_total)
                                         : "?");
        }
        table.add(std::move(cells));
    }
    return table.render(color);
}

const AgentUsage& usage_of(const std::map<std::string, AgentUsage>& all, const std::string& id) {
    static const AgentUsage none;
    const auto it = all.find(id);
    return it == all.end() ? none : it->second;
}

}  // namespace

AgentUsage read_usage(const JsonValue& statistics) {
    AgentUsage usage;
    for (const JsonValue& entry : statistics.items) {
        const JsonValue* numbers = entry.find("statistics");
        if (numbers == nullptr) continue;
        ContainerUsage& container =
            usage[{entry.text_of("framework_id"), entry.text_of("executor_id")}];
        container.cpu_seconds =
            numbers->number_of("cpus_user_time_secs") + numbers->number_of("cpus_system_time_secs");
        container.memory_bytes = numbers->find("mem_rss_bytes") != nullptr
                                     ? numbers->number_of("mem_rss_bytes")
                                     : numbers->number_of("mem_total_bytes");
        container.timestamp = numbers->number_of("timestamp");
    }
    return usage;
}

std::string render_top(const TopView& view, const std::string& sort, bool color) {
    std::map<std::string, int> tasks_of;
    for (const auto& task : view.tasks.get_tasks().tasks()) {
        if (is_terminal(task.state())) continue;
        ++tasks_of[task.agent_id().value()];
        ++tasks_of[task.framework_id().value()];
    }
    std::vector<Row> agents;
    for (const auto& agent : view.agents.get_agents().agents()) {
        const auto& info = agent.agent_info();
        const std::string& id = info.id().value();
        const auto& total =
            agent.total_resources_size() > 0 ? agent.total_resources() : info.resources();
        Row row;
        row.name = info.hostname();
        row.state = agent_state_cell(agent);
        row.used = use_between(usage_of(view.before, id), usage_of(view.now, id), "");
        row.known = view.now.contains(id);
        row.cpus_allocated = scalar_sum(agent.allocated_resources(), "cpus");
        row.megabytes_allocated = scalar_sum(agent.allocated_resources(), "mem");
        row.cpus_total = scalar_sum(total, "cpus");
        row.megabytes_total = scalar_sum(total, "mem");
        row.tasks = tasks_of[id];
        agents.push_back(std::move(row));
    }
    std::vector<Row> frameworks;
    for (const auto& framework : view.frameworks.get_frameworks().frameworks()) {
        const std::string& id = framework.framework_info().id().value();
        Row row;
        row.name = framework.framework_info().name();
        row.state = framework_state_cell(framework, false);
        for (const auto& [agent, usage] : view.now) {
            const Use use = use_between(usage_of(view.before, agent), usage, id);
            row.used.cpus += use.cpus;
            row.used.megabytes += use.megabytes;
            row.known = true;
        }
        row.cpus_allocated = scalar_sum(framework.allocated_resources(), "cpus");
        row.megabytes_allocated = scalar_sum(framework.allocated_resources(), "mem");
        row.tasks = tasks_of[id];
        frameworks.push_back(std::move(row));
    }
    return render_rows(std::move(agents), "AGENT", true, sort, color) + '\n' +
           render_rows(std::move(frameworks), "FRAMEWORK", false, sort, color);
}

}  // namespace tepui::cli
