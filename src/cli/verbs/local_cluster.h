#pragma once

#include <string>

#include "cli/console.h"
#include "cli/flags/flag.h"

namespace tepui::cli {

/// The --work-dir flag that `up` and `down` share.
Flag work_dir_flag();
/// What it says, made absolute; the user's default without it.
std::string cluster_work_dir(const Parsed& parsed, const Console& console);
/// Where a local cluster is kept unless said: by XDG for users, /var/lib/tepui for root.
std::string default_work_dir(const Console& console, unsigned uid);

}  // namespace tepui::cli
