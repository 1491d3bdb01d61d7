#pragma once

#include <string>

#include "base/result.h"
#include "containerizer/user.h"

namespace tepui::containerizer {

/// A path of the host, looked up without trusting what users made.
struct TrustedPath {
    std::string path;  // Absolute, without links, "." and "..".
    bool is_directory = false;
    std::string missing;  // What of it does not exist, relative to `path`; empty: all does.
};

/// Looks up an absolute path. Links are followed only where root or this process made them, so that
/// nobody else decides where a mount leads. With `user` (nullptr: root) every directory above what
/// it names must be one that the user may search: a mount would else lead around it. Fails with
/// invalid_argument, denied or io; what does not exist is told in `missing`.
Result<TrustedPath> look_up_trusted(const std::string& path, const User* user);

}  // namespace tepui::containerizer
