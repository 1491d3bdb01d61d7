#pragma once

#include <string>

#include "master/snapshot/snapshot.h"

namespace tepui::master {

/// The body of /registrar(1)/registry: what the registry holds of masters, agents, maintenance,
/// weights and quota, in the words of Mesos' Registry message. What only this registry keeps
/// (frameworks, bands) is left out.
std::string render_registry(const Snapshot& snapshot);

}  // namespace tepui::master
