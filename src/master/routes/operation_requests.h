#pragma once

#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "master/core/event.h"
#include "master/core_loop.h"
#include "mesos/v1/master/master.pb.h"

// What operators do with reservations and volumes, in its two forms, as the core takes it.
namespace tepui::master {

/// Of RESERVE_RESOURCES, UNRESERVE_RESOURCES, CREATE_VOLUMES, DESTROY_VOLUMES, GROW_VOLUME and
/// SHRINK_VOLUME. Fails with invalid_argument.
Result<OperationRequested> operation_request_of(const mesos::v1::master::Call& call);

/// POST /reserve, /unreserve, /create-volumes and /destroy-volumes, whose type `type` is: a form
/// with slaveId and resources, or volumes, as a JSON list of mesos.v1.Resource; for RESERVE also
/// source. Fails with invalid_argument.
Result<OperationRequested> posted_operation(mesos::v1::Offer::Operation::Type type,
                                            std::string_view body);

/// Has it done and gives 202, or what it failed with.
http::asio::awaitable<http::Response> answer_operation(CoreLoop& loop,
                                                       Result<OperationRequested> wanted);

}  // namespace tepui::master
