#pragma once

#include "master/core/turn.h"

// Agents that --whitelist does not name are registered and keep their tasks, but nothing of them is
// offered.
namespace tepui::master {

/// At the start: the list of the configuration.
void recover_whitelist(Turn& turn);

/// From here on only agents on these hosts are offered. Outstanding offers stay.
void on_whitelist(Turn& turn, const WhitelistChanged& changed);

}  // namespace tepui::master
