#pragma once

#include <string_view>

#include <rapidcheck.h>

#include "resources/resources.h"

namespace tepui {

/// Resources of flag syntax ("cpus:4;mem(role):64"); a text that does not parse ends the test.
Resources resources_of(std::string_view text);

/// A reservation with the given type, role and (when not empty) principal.
mesos::v1::Resource::ReservationInfo reservation_of(mesos::v1::Resource::ReservationInfo::Type type,
                                                    std::string_view role,
                                                    std::string_view principal = "");

/// Any resources: plain, reserved, refined, volumes, shared copies, revocable, allocated. Ranges
/// and sets of `seed_slot` 0 and 1 never overlap, so sums of one of each can be taken apart again.
rc::Gen<Resources> gen_resources(int seed_slot);

}  // namespace tepui
