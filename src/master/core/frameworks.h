#pragma once

#include <string_view>

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Frameworks from subscription to teardown.
//
//   (new) --SUBSCRIBE, stored--> connected --stream lost--> disconnected --failover_timeout-->
//   removing recovered --SUBSCRIBE, stored--> connected              disconnected --SUBSCRIBE,
//   stored--> connected any --TEARDOWN--> removing --stored--> completed
//
// A framework that comes back while its old stream lives fails over: the old one is told and
// closed.
namespace tepui::master {

void on_subscribe(Turn& turn, SchedulerSubscribed subscribed);
void on_subscription_stored(Turn& turn, const SubscriptionStored& stored);
void on_stream_closed(Turn& turn, const StreamId& stream);
void on_failover_due(Turn& turn, const FrameworkId& id);
void on_heartbeat_due(Turn& turn, const FrameworkId& id);

/// Takes a framework out of the registry's record at start. A connected one has its
/// failover_timeout from now on, at least the time agents have to return: with the default of 0 a
/// restart of the master would otherwise end everything. A disconnected one has what is left of its
/// time.
void recover_framework(Turn& turn, const registry::FrameworkRecord& record);
/// Takes in a framework that only an agent knows; stored as disconnected from now on.
Framework& adopt_framework(Turn& turn, const mesos::v1::FrameworkInfo& info);

}  // namespace tepui::master
