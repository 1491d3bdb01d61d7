#pragma once

#include <google/protobuf/message.h>

#include "base/prng.h"

namespace tepui::wire {

/// Fills a cleared message of any compiled type: required fields always, others half of the time,
/// with awkward values (limits, infinities, all kinds of UTF-8). The same generator state gives the
/// same message. Nesting ends after `depth_max` levels, but for required fields.
void fill_randomly(google::protobuf::Message& message, Prng& prng, int depth_max = 5);

}  // namespace tepui::wire
