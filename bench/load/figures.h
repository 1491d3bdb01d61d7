#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace tepui::bench {

using SteadyClock = std::chrono::steady_clock;

inline double micros(SteadyClock::duration span) {
    return std::chrono::duration<double, std::micro>(span).count();
}
inline double seconds_between(SteadyClock::time_point begin, SteadyClock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
}

/// The value that `part` (0 to 1) of the samples do not exceed; 0 without samples.
double quantile(std::vector<double> samples, double part);

/// User and system time of a process and its threads so far, in seconds (10 ms steps).
Result<double> cpu_seconds(pid_t pid);

/// What a run found, in the order of add(); printed as one line of JSON for bench/_load.py.
class Figures {
public:
    void add(std::string_view name, double value);
    /// `name`_p50 and `name`_p99.
    void add_quantiles(std::string_view name, const std::vector<double>& samples);
    void print() const;

private:
    std::vector<std::pair<std::string, double>> values_;
};

}  // namespace tepui::bench
