#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

namespace tepui::master {

void recover_quotas(Turn& turn, const Registry& registry);
void on_requested(Turn& turn, const QuotaUpdateRequested& requested);
void on_quotas_stored(Turn& turn, const QuotasStored& stored);

}  // namespace tepui::master
