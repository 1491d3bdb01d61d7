#pragma once

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"
#include "resources/resources.h"

// What operations make of resources, for masters and agents alike. Pure.
namespace tepui {

/// What an operation takes and what it makes of it: equal in amounts.
struct Conversion {
    Resources consumed;
    Resources converted;
};

/// Of RESERVE (also with `source`), UNRESERVE, CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME.
/// Fails with invalid_argument; the text names the resource. Judges the operation by itself:
/// whether somebody may ask for it, and whether the resources are there, is for others to say.
Result<Conversion> conversion_of(const mesos::v1::Offer::Operation& operation);

/// `resources` with the conversion applied; fails with conflict, naming what is missing.
Result<Resources> convert(const Resources& resources, const Conversion& conversion);

/// What an agent has to keep over its restarts: dynamic reservations and persistent volumes.
/// Without allocation roles.
Resources checkpointed_part(const Resources& total);

/// An agent's total: what its flags say, with the parts that `checkpointed` is made of replaced by
/// it. Fails with conflict when the flags have less than that.
Result<Resources> with_checkpointed(const Resources& configured, const Resources& checkpointed);

}  // namespace tepui
