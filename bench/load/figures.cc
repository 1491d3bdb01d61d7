#include "bench/load/figures.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>

namespace tepui::bench {

double quantile(std::vector<double> samples, double part) {
    if (samples.empty()) return 0;
    const auto rank =
        static_cast<std::size_t>(std::ceil(part * static_cast<double>(samples.size())));
    const auto at = samples.begin() + static_cast<std::ptrdiff_t>(
                                          std::clamp(rank, std::size_t{1}, samples.size()) - 1);
    std::nth_element(samples.begin(), at, samples.end());
    return *at;
}

Result<double> cpu_seconds(pid_t pid) {
    const std::string path = fmt::format("/proc/{}/stat", pid);
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    // Behind the program's name, which may have any character: state is field 3, utime 14,
    // stime 15.
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return fail(Errc::not_found, "cannot read {}", path);
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    if (!fields) return fail(Errc::io, "{} has too few fields", path);
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void Figures::add(std::string_view name, double value) { values_.emplace_back(name, value); }

void Figures::add_quantiles(std::string_view name, const std::vector<double>& samples) {
    add(fmt::format("{}_p50", name), quantile(samples, 0.5));
    add(fmt::format("{}_p99", name), quantile(samples, 0.99));
}

void Figures::print() const {
    std::string text;
    for (const auto& [name, value] : values_)
        text += fmt::format("{}\"{}\": {}", text.empty() ? "{" : ", ", name, value);
    fmt::print("{}}}\n", text);
    std::fflush(stdout);
}

}  // namespace tepui::bench
