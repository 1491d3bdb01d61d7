#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "base/result.h"
#include "wire/json.h"

namespace tepui::wire {

/// The two encodings of the v1 API.
enum class Media : std::uint8_t { json, protobuf };

inline constexpr std::string_view media_json = "application/json";
inline constexpr std::string_view media_protobuf = "application/x-protobuf";

std::string_view to_string(Media media);
/// What a Content-Type names; parameters such as charset are ignored. Nothing for other types.
std::optional<Media> parse_content_type(std::string_view content_type);
/// Chooses from an Accept header: JSON if it is acceptable (or the header is absent or empty), else
/// protobuf, else nothing (406). Knows */*, application/* and q=0.
std::optional<Media> negotiate(std::optional<std::string_view> accept);

/// Decodes a message in the given encoding; missing required fields and bad bytes are
/// invalid_argument.
Result<void> decode(Media media, std::string_view bytes, google::protobuf::Message& message);
std::string encode(Media media, const google::protobuf::Message& message);

}  // namespace tepui::wire
