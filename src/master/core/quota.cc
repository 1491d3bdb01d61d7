#include "master/core/quota.h"

namespace tepui::master {

void recover_quotas(Turn&, const Registry&) {}

void on_requested(Turn&, const QuotaUpdateRequested&) {}

void on_quotas_stored(Turn&, const QuotasStored&) {}

}  // namespace tepui::master
