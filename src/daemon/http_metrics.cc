#include "daemon/http_metrics.h"

namespace tepui::daemon {

void add_http_metrics(std::map<std::string, double>& metrics, const http::ServerStats& stats) {
    metrics["http/connections_open"] = static_cast<double>(stats.connections_open);
    metrics["http/connections_refused"] = static_cast<double>(stats.connections_refused);
    metrics["http/requests_refused"] = static_cast<double>(stats.requests_refused);
    metrics["http/bodies_refused"] = static_cast<double>(stats.bodies_refused);
    metrics["http/slow_readers_cut_off"] = static_cast<double>(stats.slow_readers_cut);
}

}  // namespace tepui::daemon
