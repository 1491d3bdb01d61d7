#pragma once

#include <string_view>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui {

using AttributeList = google::protobuf::RepeatedPtrField<mesos::v1::Attribute>;

/// Reads `--attributes`: "rack:r1;ssd:1;zones:[1-3];kinds:{a,b}". Numbers become SCALAR, brackets
/// RANGES, braces SET, all else TEXT (colons included: "url:http://x"). The order is kept. Fails on
/// a term without name or value; the text names the attribute.
Result<AttributeList> parse_attributes(std::string_view text);

}  // namespace tepui
