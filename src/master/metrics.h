#pragma once

#include <map>
#include <string>

#include "master/core_loop.h"
#include "master/core_numbers.h"
#include "master/operator_streams.h"
#include "master/snapshot/snapshot.h"

namespace tepui::master {

/// What the numbers of /metrics/snapshot come from.
struct MetricsInput {
    std::shared_ptr<const Snapshot> snapshot;
    CoreNumbers core;
    LoopStats loop;
    WallTime now;
};

/// Adds the operator event streams' numbers.
void add_stream_metrics(std::map<std::string, double>& metrics,
                        const OperatorStreams::Stats& stats);

/// Name to number, under Mesos' names; those that have a meaning here.
std::map<std::string, double> collect_metrics(const MetricsInput& input);

}  // namespace tepui::master
