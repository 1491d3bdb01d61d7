#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tepui::daemon {

/// The newest durations of something that happens again and again, for metrics. Not synchronised.
class Timings {
public:
    /// Milliseconds.
    void add(double ms);

    std::uint64_t count() const { return count_; }
    /// Adds NAME (the last), NAME/count, and, of the newest `window` ones, NAME/min, /max, /p50,
    /// /p90, /p95, /p99, /p999 and /p9999. Nothing before the first.
    void report(const std::string& name, std::map<std::string, double>& metrics) const;

private:
    static constexpr std::size_t window = 1000;

    std::uint64_t count_ = 0;
    std::vector<double> newest_;  // A ring of at most `window`.
};

}  // namespace tepui::daemon
