#pragma once

#include <string>

#include "master/core/turn.h"

namespace tepui::master {

/// Begins a framework's end: no offers, no calls from here on; the rest when the registry has it.
/// Does nothing when it has begun.
void begin_framework_end(Turn& turn, Framework& framework, std::string reason);
/// Kills its tasks (agents that are away are told when they return), closes its stream, answers the
/// operators who asked and moves it to the completed ring.
void on_framework_end_stored(Turn& turn, const FrameworkEndStored& stored);
/// An operator's TEARDOWN.
void on_requested(Turn& turn, const TeardownRequested& requested);

/// Remembers an ended framework's id; bounded. Returns the writes that forget the oldest.
std::vector<RegistryWrite> remember_ended(State& state, const FrameworkId& id);

}  // namespace tepui::master
