#pragma once

#include <string>

#include "master/event_filter.h"
#include "master/snapshot/snapshot.h"
#include "wire/media.h"

// Whole bodies of the operator API's reads. Functions of a snapshot.
namespace tepui::master {

std::string render_get_state(const Snapshot& snapshot, wire::Media media);
/// The operator event stream's first record, a mesos.v1.master.Event: what passes the filter.
std::string render_subscribed(const Snapshot& snapshot, wire::Media media,
                              const EventFilter& filter, double heartbeat_seconds);
std::string render_get_agents(const Snapshot& snapshot, wire::Media media);
std::string render_get_frameworks(const Snapshot& snapshot, wire::Media media);
std::string render_get_executors(const Snapshot& snapshot, wire::Media media);
std::string render_get_tasks(const Snapshot& snapshot, wire::Media media);
mesos::v1::master::Response get_roles(const Snapshot& snapshot);
/// Without weights the message is left out, as Mesos does.
mesos::v1::master::Response get_weights(const Snapshot& snapshot);
mesos::v1::master::Response get_quota(const Snapshot& snapshot);
mesos::v1::master::Response get_master(const MasterFacts& facts);

}  // namespace tepui::master
