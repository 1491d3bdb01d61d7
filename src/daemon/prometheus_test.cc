#include "daemon/prometheus.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace tepui::daemon {
namespace {

using Kind = PrometheusName::Kind;

std::string one(const std::string& metric, double value) {
    const std::string text = prometheus_text({{metric, value}});
    return text.substr(text.find('\n') + 1);
}

TEST(Prometheus, NamesBecomeLabels) {
    struct Row {
        const char* metric;
        const char* line;
    };
    const Row rows[] = {
        {"master/uptime_secs", "tepui_master_uptime_secs 7\n"},
        {"master/tasks_running", "tepui_master_tasks{state=\"TASK_RUNNING\"} 7\n"},
        {"slave/tasks_failed", "tepui_agent_tasks_ended_total{state=\"TASK_FAILED\"} 7\n"},
        {"master/cpus_total",
         "tepui_master_resource_available{resource=\"cpus\",revocable=\"false\"} 7\n"},
        {"slave/mem_revocable_used",
         "tepui_agent_resource_used{resource=\"mem\",revocable=\"true\"} 7\n"},
        {"master/task_lost/source_master/reason_agent_removed",
         "tepui_master_task_transitions_total{state=\"TASK_LOST\",source=\"SOURCE_MASTER\","
         "reason=\"REASON_AGENT_REMOVED\"} 7\n"},
        {"master/frameworks/a%2Fb/f-1/offers/sent",
         "tepui_master_framework_offers_total{framework_name=\"a/b\",framework_id=\"f-1\","
         "type=\"sent\"} 7\n"},
        {"master/frameworks/x/f-1/roles/eng/web/suppressed",
         "tepui_master_framework_role_suppressed{framework_name=\"x\",framework_id=\"f-1\","
         "role=\"eng/web\"} 7\n"},
        {"allocator/mesos/roles/eng/web/shares/dominant",
         "tepui_allocator_role_dominant_share{role=\"eng/web\"} 7\n"},
        {"registrar/state_store_ms/p99", "tepui_registrar_state_store_ms{quantile=\"0.99\"} 7\n"},
        {"registrar/state_store_ms/p50", "tepui_registrar_state_store_ms{quantile=\"0.5\"} 7\n"},
        {"registrar/state_store_ms/count", "tepui_registrar_state_store_ms_count 7\n"},
        {"registrar/state_store_ms", "tepui_registrar_state_store_ms_last 7\n"},
        {"odd \"name\"/\n", "tepui_odd__name___ 7\n"},
    };
    for (const Row& row : rows) EXPECT_EQ(one(row.metric, 7), row.line) << row.metric;
}

TEST(Prometheus, ValuesOfLabelsAreEscaped) {
    EXPECT_EQ(one("allocator/mesos/roles/a\"b\\c\nd/shares/dominant", 0.5),
              "tepui_allocator_role_dominant_share{role=\"a\\\"b\\\\c\\nd\"} 0.5\n");
}

TEST(Prometheus, AFamilyIsToldOnceWithItsSamplesTogether) {
    const std::string text = prometheus_text({{"master/tasks_running", 2},
                                              {"master/tasks_staging", 1},
                                              {"master/tasks_lost", 3},
                                              {"master/uptime_secs", 5}});
    EXPECT_EQ(text,
              "# TYPE tepui_master_tasks gauge\n"
              "tepui_master_tasks{state=\"TASK_RUNNING\"} 2\n"
              "tepui_master_tasks{state=\"TASK_STAGING\"} 1\n"
              "# TYPE tepui_master_tasks_ended_total counter\n"
              "tepui_master_tasks_ended_total{state=\"TASK_LOST\"} 3\n"
              "# TYPE tepui_master_uptime_secs gauge\n"
              "tepui_master_uptime_secs 5\n");
}

/// Every name of Mesos' table gets its own sample, of the kind that the table says.
TEST(Prometheus, FitsTheTableOfNames) {
    std::ifstream table(std::string(TEPUI_SOURCE_DIR) + "/api/tables/metrics.tsv");
    ASSERT_TRUE(table) << "api/tables/metrics.tsv";
    std::string line;
    std::getline(table, line);
    std::set<std::string> seen;
    int rows = 0;
    while (std::getline(table, line)) {
        std::istringstream fields(line);
        std::string component;
        std::string name;
        std::string kind;
        std::getline(fields, component, '\t');
        std::getline(fields, name, '\t');
        std::getline(fields, kind, '\t');
        // Isolators and providers that there are none of have rules of their own in Mesos.
        if (name.starts_with("master/{") || name.starts_with("port_mapping") ||
            name.find("csi_plugin") != name.npos || name.starts_with("resource_providers/")) {
            continue;
        }
        ++rows;
        const PrometheusName found = prometheus_name(name);
        std::string sample = found.sample;
        for (const auto& [label, value] : found.labels) sample += "," + label + "=" + value;
        EXPECT_TRUE(seen.insert(sample).second) << name << " -> " << sample;
        if (kind == "counter") {
            EXPECT_EQ(found.kind, Kind::counter) << name;
        } else if (kind == "gauge") {
            EXPECT_EQ(found.kind, Kind::gauge) << name;
        }
    }
    EXPECT_GT(rows, 300);
}

}  // namespace
}  // namespace tepui::daemon
