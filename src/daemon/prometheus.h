#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"

namespace tepui::daemon {

/// A metric of /metrics/snapshot as Prometheus sees it: what Mesos puts into names becomes labels.
struct PrometheusName {
    enum class Kind { counter, gauge, summary };

    std::string family;  // "tepui_master_tasks"; counters end in _total.
    Kind kind = Kind::gauge;
    std::string sample;  // Family, or family with _count, _max or _min of a summary.
    std::vector<std::pair<std::string, std::string>> labels;  // ("state", "TASK_RUNNING"), …
};

/// The Prometheus name of "master/tasks_running". Never fails: a name that fits no rule keeps its
/// words.
PrometheusName prometheus_name(std::string_view metric);

/// Prometheus' text format 0.0.4 of name -> number: each family once with its type, its samples
/// together.
std::string prometheus_text(const std::map<std::string, double>& metrics);

/// The answer of GET /metrics.
http::Response prometheus_response(const std::map<std::string, double>& metrics);

}  // namespace tepui::daemon
