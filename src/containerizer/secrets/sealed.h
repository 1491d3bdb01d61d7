#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::containerizer {

/// Secrets in files, encrypted: "TEPUISEC" 0x01, 12 bytes of nonce, AES-256-GCM of the secret, its
/// 16 bytes of tag. The name by which the secret is known is authenticated too, so that one file
/// cannot be put in another's place.

/// The 32 bytes of a key file: as they are, or as 64 hexadecimal digits with white space after.
Result<std::string> parse_secret_key(std::string_view bytes);

/// Whether it begins as sealed files do.
bool is_sealed(std::string_view bytes);

/// `name`: NAME/KEY, or NAME. Fails only when no random bytes are to be had.
Result<std::string> seal_secret(std::string_view key, std::string_view name,
                                std::string_view secret);
/// Fails with corrupt when it was not sealed with this key under this name.
Result<std::string> unseal_secret(std::string_view key, std::string_view name,
                                  std::string_view sealed);

}  // namespace tepui::containerizer
