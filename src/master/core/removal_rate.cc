#include "master/core/removal_rate.h"

#include <charconv>

namespace tepui::master {

Result<RemovalRate> parse_removal_rate(std::string_view text) {
    const auto wrong = [text] {
        return fail(Errc::invalid_argument,
                    "'{}' is not NUMBER/DURATION, as in 1/10mins: so many agents in so long a time",
                    text);
    };
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return wrong();
    RemovalRate rate;
    const char* const end = text.data() + slash;
    const auto [stop, error] = std::from_chars(text.data(), end, rate.agents);
    if (error != std::errc{} || stop != end || rate.agents == 0) return wrong();
    const auto period = parse_duration(text.substr(slash + 1));
    if (!period || *period <= Duration::zero()) return wrong();
    rate.period = *period;
    return rate;
}

Result<double> parse_share(std::string_view text) {
    double percent = 0;
    const bool marked = text.ends_with('%');
    const char* const end = text.data() + text.size() - (marked ? 1 : 0);
    const auto [stop, error] = std::from_chars(text.data(), end, percent);
    if (!marked || error != std::errc{} || stop != end || !(percent >= 0) || !(percent <= 100)) {
        return fail(Errc::invalid_argument, "'{}' is not a share from 0% to 100%", text);
    }
    return percent / 100;
}

}  // namespace tepui::master
