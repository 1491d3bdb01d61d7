#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "allocator/allocator.h"
#include "base/result.h"
#include "mesos/v1/quota/quota.pb.h"

// The forms of quota that clients write and read, and what is wrong with them. Pure.
namespace tepui::master {

/// Role to quota, by top-level role.
using Quotas = std::map<std::string, allocator::Quota>;

/// Neither guarantees nor limits: as good as none.
bool is_empty(const allocator::Quota& quota);

/// "ads" of "ads/web/eu".
std::string top_level_role(const std::string& role);

/// Fails with invalid_argument, naming the role and the resource, for a role that is nested or no
/// valid name, an amount that is negative, infinite or beyond 10^12, a guarantee above its limit.
Result<std::pair<std::string, allocator::Quota>> parse_quota_config(
    const mesos::v1::quota::QuotaConfig& config);
/// The same of many; each role at most once.
Result<Quotas> parse_quota_configs(const std::vector<mesos::v1::quota::QuotaConfig>& configs);

/// SET_QUOTA and POST /quota: what is guaranteed is the limit, too. Fails with invalid_argument for
/// the role "*", nothing guaranteed, and anything but plain scalars, each name once.
Result<mesos::v1::quota::QuotaConfig> quota_config_of(
    const mesos::v1::quota::QuotaRequest& request);

mesos::v1::quota::QuotaConfig to_quota_config(const std::string& role,
                                              const allocator::Quota& quota);
/// GET_QUOTA: both forms of all.
mesos::v1::quota::QuotaStatus to_quota_status(const Quotas& quotas);

/// "cpus:2, mem:512", or "nothing".
std::string to_text(const Quantities& quantities);

}  // namespace tepui::master
