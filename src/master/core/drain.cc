#include "master/core/drain.h"

namespace tepui::master {

void on_requested(Turn&, const DrainRequested&) {}

void on_drain_stored(Turn&, const DrainStored&) {}

}  // namespace tepui::master
