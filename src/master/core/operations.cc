#include "master/core/operations.h"

namespace tepui::master {

void on_requested(Turn&, const OperationRequested&) {}

void on_operation_update(Turn&, Agent&, const link::OperationUpdate&) {}

void on_checkpointed_resources(Turn&, Agent&, const link::CheckpointedResources&) {}

}  // namespace tepui::master
