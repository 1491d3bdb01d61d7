#pragma once

#include <memory>
#include <vector>

#include <google/protobuf/message.h>

namespace tepui::wire {

/// One empty message of each type that reaches us, or leaves us, as a whole body or record.
std::vector<std::unique_ptr<google::protobuf::Message>> root_messages();
/// Of these the calls: what clients may send.
std::vector<std::unique_ptr<google::protobuf::Message>> root_calls();

}  // namespace tepui::wire
