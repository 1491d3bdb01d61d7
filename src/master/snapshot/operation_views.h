#pragma once

#include <map>
#include <string>

#include "master/snapshot/snapshot.h"

// What a snapshot has to say of operations.
namespace tepui::master {

/// GET_OPERATIONS.
mesos::v1::master::Response get_operations(const Snapshot& snapshot);

/// How many there are of each kind and state: master/operations/...
void add_operation_metrics(std::map<std::string, double>& metrics, const Snapshot& snapshot);

}  // namespace tepui::master
