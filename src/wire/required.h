#pragma once

#include <google/protobuf/message.h>

#include "base/result.h"

namespace tepui::wire {

/// Fails with invalid_argument if required fields are unset; the text names each of them by its
/// path ("missing required field accept.offer_ids[0].value").
Result<void> check_required(const google::protobuf::Message& message);

}  // namespace tepui::wire
