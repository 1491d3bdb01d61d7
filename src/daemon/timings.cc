#include "daemon/timings.h"

#include <algorithm>
#include <utility>

namespace tepui::daemon {

void Timings::add(double ms) {
    if (newest_.size() < window) {
        newest_.push_back(ms);
    } else {
        newest_[count_ % window] = ms;
    }
    ++count_;
}

void Timings::report(const std::string& name, std::map<std::string, double>& metrics) const {
    if (count_ == 0) return;
    std::vector<double> sorted = newest_;
    std::ranges::sort(sorted);
    constexpr std::pair<const char*, double> quantiles[] = {
        {"/min", 0},    {"/p50", 0.5},    {"/p90", 0.9},      {"/p95", 0.95},
        {"/p99", 0.99}, {"/p999", 0.999}, {"/p9999", 0.9999}, {"/max", 1},
    };
    metrics[name] = newest_[(count_ - 1) % window];
    metrics[name + "/count"] = static_cast<double>(count_);
    for (const auto& [suffix, quantile] : quantiles) {
        const auto last = static_cast<double>(sorted.size() - 1);
        metrics[name + suffix] = sorted[static_cast<std::size_t>(last * quantile + 0.5)];
    }
}

}  // namespace tepui::daemon
