#pragma once

#include <string>

#include "master/options.h"
#include "master/snapshot/snapshot.h"

namespace tepui::master {

/// What this master is, once its port is known. `id`: new with each start.
MasterFacts make_facts(const MasterOptions& options, const std::string& id, std::uint16_t port,
                       const std::string& log_path, WallTime now);

/// The address to tell others: `ip` itself, or one of this machine's when it stands for all of
/// them.
std::string advertised_ip(const std::string& ip);

}  // namespace tepui::master
