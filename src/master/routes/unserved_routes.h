#pragma once

#include "http/router.h"

namespace tepui::master {

/// Endpoints of Mesos that this master does not serve: 501, and the name. Reservations, volumes,
/// quota and maintenance.
void add_unserved_routes(http::Router& router);

}  // namespace tepui::master
