#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "base/result.h"

namespace tepui::wire {

/// Limits on JSON from outside. Source: Mesos' parser refuses nesting beyond 200.
struct JsonLimits {
    std::size_t depth_max = 200;
    std::size_t bytes_max = std::size_t{64} << 20;
};

/// Reads JSON in Mesos' v1 mapping into `message` (which is cleared first): names exactly as in the
/// .proto, unknown fields ignored, numbers and booleans also as strings, enums by name, bytes as
/// base64, null as absent, one value for a list of one, the last of two equal names. Beyond Mesos:
/// a bare number for Value.Scalar, text such as "10mins" for DurationInfo and protobuf's Duration.
/// Fails with invalid_argument (text names the path of the field: "accept.offer_ids[2].value: ...")
/// or too_large; `message` then holds a part. Missing required fields fail and are named.
/// Never throws, never recurses deeper than the limit.
Result<void> json_to_message(std::string_view json, google::protobuf::Message& message,
                             const JsonLimits& limits = {});

/// Appends `message` as one line of JSON in Mesos' v1 mapping to `out`: only ASCII (others as
/// \uXXXX), no white space, fields in order of their declaration; an unset optional field with an
/// explicit default that is not deprecated is written with it; empty repeated fields are left out,
/// except the lists of GET_TASKS, GET_EXECUTORS, GET_FRAMEWORKS and GET_AGENTS answers, which Mesos
/// writes as []. Maps are objects with sorted keys.
/// Invalid UTF-8 becomes U+FFFD; what no JSON number can be becomes the strings "Infinity",
/// "-Infinity" and "NaN". Never fails: what is unset, required or not, is left out.
void message_to_json(const google::protobuf::Message& message, std::string& out);
std::string message_to_json(const google::protobuf::Message& message);

}  // namespace tepui::wire
