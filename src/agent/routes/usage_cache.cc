#include "agent/routes/usage_cache.h"

namespace tepui::agent {

Result<UsageCache::Statistics> UsageCache::usage(const ContainerId& container, Instant now) {
    const std::lock_guard lock(mutex_);
    const auto found = samples_.find(container);
    if (found != samples_.end() && now - found->second.taken < fresh_for)
        return found->second.statistics;
    // Those of containers that are gone go, too.
    std::erase_if(samples_, [&](const auto& each) { return now - each.second.taken >= fresh_for; });
    Result<Statistics> statistics = measure_(container);
    if (statistics) samples_.insert_or_assign(container, Sample{*statistics, now});
    return statistics;
}

}  // namespace tepui::agent
