#pragma once

#include <string>

#include "master/snapshot/snapshot.h"

namespace tepui::master {

/// The body of /registrar(1)/registry: what the registry holds of masters and agents, in the words
/// of Mesos' Registry message. Frameworks, which only this registry keeps, are left out.
std::string render_registry(const Snapshot& snapshot);

}  // namespace tepui::master
