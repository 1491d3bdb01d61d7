#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::agent {

/// Checkpoint values: a list of byte strings behind a checksum, so that a torn or flipped value is
/// known as such. Layout: "TA1", CRC-32 of the rest (4 bytes, little endian), then each field as
/// length (4 bytes, little endian) and bytes. Readers ignore fields beyond those they know.
std::string encode_record(const std::vector<std::string>& fields);

/// Fails with corrupt when the bytes are not what was written, or have fewer than `fields_min`
/// fields.
Result<std::vector<std::string>> decode_record(std::string_view bytes, std::size_t fields_min);

/// CRC-32 (IEEE 802.3) of `bytes`.
std::uint32_t crc32(std::string_view bytes);

}  // namespace tepui::agent
