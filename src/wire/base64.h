#pragma once

#include <string>
#include <string_view>

namespace tepui::wire {

/// Appends the standard base64 of `bytes`, with padding (RFC 4648, section 4).
void append_base64(std::string& out, std::string_view bytes);

/// Decodes padded standard base64 into `out` (which is replaced). False if the length is not a
/// multiple of four, or on a character outside the alphabet, white space included.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace tepui::wire
