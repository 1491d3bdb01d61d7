#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// One look at a container's usage a second, shared by all who ask: many readers of
/// /monitor/statistics cost no more than one. Any thread; a container is measured by one at a time.
class UsageCache {
public:
    using Statistics = mesos::v1::ResourceStatistics;
    using Measure = std::function<Result<Statistics>(const ContainerId&)>;
    explicit UsageCache(Measure measure) : measure_(std::move(measure)) {}

    /// The newest, at most a second old at `now`. Errors are not kept.
    Result<Statistics> usage(const ContainerId& container, Instant now);

    static constexpr Duration fresh_for = std::chrono::seconds{1};

private:
    struct Sample {
        Statistics statistics;
        Instant taken;
    };
    const Measure measure_;
    std::mutex mutex_;
    std::map<ContainerId, Sample> samples_;
};

}  // namespace tepui::agent
