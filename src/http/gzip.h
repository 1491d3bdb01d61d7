#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

/// Private to the module.
namespace tepui::http {

/// The gzip form of `text`, compressed for speed (level 1). Keeps its work space per thread.
std::string gzip(std::string_view text);

/// Undoes gzip. Fails with too_large when more than `bytes_max` would come out (nothing beyond is
/// inflated), and with invalid_argument when the bytes are not one whole gzip member.
Result<std::string> gunzip(std::string_view bytes, std::size_t bytes_max);

}  // namespace tepui::http
