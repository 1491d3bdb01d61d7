#pragma once

#include "master/snapshot/snapshot.h"
#include "wire/json_writer.h"

namespace tepui::master {

/// What the framework holds on all agents.
const Totals::Share& share_of(const Snapshot& snapshot, const FrameworkId& id);

/// The members that a framework begins with in /state, /frameworks and /state-summary.
void write_framework_summary(wire::JsonWriter& json, const Snapshot& snapshot,
                             const FrameworkItem& framework);

}  // namespace tepui::master
