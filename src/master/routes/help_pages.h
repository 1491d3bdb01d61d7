#pragma once

#include <vector>

#include "daemon/help.h"

namespace tepui::master {

/// What /help tells of the master's own endpoints.
std::vector<daemon::HelpPage> help_pages();

}  // namespace tepui::master
