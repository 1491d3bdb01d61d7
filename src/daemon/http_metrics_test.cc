#include "daemon/http_metrics.h"

#include <gtest/gtest.h>

#include "daemon/prometheus.h"

namespace tepui::daemon {
namespace {

TEST(HttpMetrics, TellWhatWasRefused) {
    std::map<std::string, double> metrics;
    http::ServerStats stats;
    stats.connections_open = 1;
    stats.connections_refused = 2;
    stats.requests_refused = 3;
    stats.bodies_refused = 4;
    stats.slow_readers_cut = 5;
    add_http_metrics(metrics, stats);
    const std::map<std::string, double> wanted = {{"http/connections_open", 1},
                                                  {"http/connections_refused", 2},
                                                  {"http/requests_refused", 3},
                                                  {"http/bodies_refused", 4},
                                                  {"http/slow_readers_cut_off", 5}};
    EXPECT_EQ(metrics, wanted);
    for (const auto& [name, value] : metrics) {
        const bool counts = prometheus_name(name).kind == PrometheusName::Kind::counter;
        EXPECT_EQ(counts, name != "http/connections_open") << name;
    }
}

}  // namespace
}  // namespace tepui::daemon
