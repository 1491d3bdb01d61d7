#pragma once

#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "master/core/event.h"
#include "master/core_loop.h"
#include "mesos/v1/master/master.pb.h"

// What asks for another quota, in its four forms, as the core takes it.
namespace tepui::master {

/// Of UPDATE_QUOTA, SET_QUOTA and REMOVE_QUOTA. Fails with invalid_argument.
Result<QuotaUpdateRequested> quota_update_of(const mesos::v1::master::Call& call);

/// POST /quota: a mesos.v1.quota.QuotaRequest in JSON.
Result<QuotaUpdateRequested> posted_quota(std::string_view body);

/// DELETE /quota/{role}, behind any prefix.
Result<QuotaUpdateRequested> deleted_quota(std::string_view path);

/// Has it done and gives 200, or what it failed with.
http::asio::awaitable<http::Response> answer_quota_update(CoreLoop& loop,
                                                          Result<QuotaUpdateRequested> wanted);

}  // namespace tepui::master
