#include "master/core/priorities.h"

namespace tepui::master {

void recover_priorities(Turn&, const Registry&) {}

void on_requested(Turn&, const PrioritiesUpdateRequested&) {}

void on_priorities_stored(Turn&, const PrioritiesStored&) {}

}  // namespace tepui::master
