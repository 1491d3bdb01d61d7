#include "master/core/frameworks.h"

#include <algorithm>

#include "master/core/agent_review.h"
#include "master/core/framework_end.h"
#include "master/core/framework_update.h"
#include "master/core/limits.h"
#include "master/core/offers.h"
#include "master/core/publish.h"
#include "master/core/validation.h"

namespace tepui::master {

namespace {

void refuse(Turn& turn, const StreamId& stream, std::string_view message) {
    turn.log(Severity::info, "Refusing subscription {}: {}", stream, message);
    turn.effects.emplace_back(SendToScheduler{
        stream, std::make_shared<const mesos::v1::scheduler::Event>(error_event(message))});
    turn.effects.emplace_back(CloseScheduler{stream});
}

FrameworkId new_framework_id(State& state) {
    for (;;) {
        FrameworkId id{fmt::format("{}-{:04d}", state.info.id(), state.next_framework++)};
        // A client may have made up an id of this shape; it keeps it.
        if (!state.frameworks.contains(id) && !state.ended_frameworks.contains(id) &&
            !state.pending.subscriptions.contains(id)) {
            return id;
        }
    }
}

Framework& add_framework(Turn& turn, mesos::v1::FrameworkInfo info, Framework::Phase phase) {
    const FrameworkId id{info.id().value()};
    Framework& framework = turn.state.frameworks[id];
    framework.id = id;
    framework.phase = phase;
    framework.registered_at = turn.now.wall;
    read_framework_info(framework, std::move(info));
    turn.state.allocator->add_framework(client_of(framework, turn.state.config),
                                        /*active=*/false);
    turn.changed(id);
    return framework;
}

void set_failover_deadline(Turn& turn, Framework& framework, Duration left) {
    framework.teardown_due = turn.now.instant + std::max(left, Duration::zero());
    turn.state.timers.set({TimerKey::Kind::framework_failover, framework.id.value},
                          *framework.teardown_due);
}

WallTime wall_after(WallTime wall, Duration span) {
    if (span > Duration::max() - wall.since_epoch) return WallTime{Duration::max()};
    return WallTime{wall.since_epoch + span};
}

Duration failover_timeout(const Framework& framework) {
    return std::max(duration_from_seconds(framework.info->failover_timeout()), Duration::zero());
}

// Of a framework that this master has not seen: with the default failover_timeout of 0 a restart of
// the master would otherwise end everything before anybody could subscribe again.
Duration time_to_return(const Turn& turn, const Framework& framework) {
    return std::max(failover_timeout(framework), turn.state.config.agent_reregister_timeout);
}

// The framework lost its stream, or the subscription that was being stored did.
void await_return(Turn& turn, Framework& framework) {
    const Duration timeout = failover_timeout(framework);
    framework.phase = Framework::Phase::disconnected;
    framework.disconnected_at = turn.now.wall;
    turn.changed(framework.id);
    if (timeout == Duration::zero()) {
        begin_framework_end(turn, framework, "disconnected and failover_timeout is 0");
        return;
    }
    turn.log(Severity::info, "Framework {} disconnected; it has {} to come back", framework.id,
             format_duration(timeout));
    set_failover_deadline(turn, framework, timeout);
    turn.persist(
        {{framework_key(framework.id), encode_disconnected(*framework.info, framework.registered_at,
                                                           wall_after(turn.now.wall, timeout))}},
        NothingWaits{});
}

// Leaves the stream and everything that hangs on it; what follows is the caller's.
void drop_stream(Turn& turn, Framework& framework) {
    turn.state.allocator->deactivate_framework(framework.id);
    remove_offers_of(turn, framework);
    turn.state.streams.erase(*framework.stream);
    framework.stream.reset();
    framework.phase = Framework::Phase::disconnected;
    turn.state.timers.cancel({TimerKey::Kind::heartbeat, framework.id.value});
    turn.changed(framework.id);
}

// The newest SUBSCRIBE of a framework wins over its stream and over one that is being stored.
void fail_over(Turn& turn, const FrameworkId& id) {
    PendingWrites& pending = turn.state.pending;
    std::optional<StreamId> old;
    if (const auto it = pending.subscriptions.find(id); it != pending.subscriptions.end()) {
        old = it->second.stream;
        pending.subscription_streams.erase(*old);
        pending.subscriptions.erase(it);
    }
    Framework* framework = turn.find_framework(id);
    if (framework != nullptr && framework->connected()) {
        old = framework->stream;
        drop_stream(turn, *framework);
    }
    if (!old) return;
    turn.effects.emplace_back(SendToScheduler{
        *old,
        std::make_shared<const mesos::v1::scheduler::Event>(error_event("Framework failed over"))});
    turn.effects.emplace_back(CloseScheduler{*old});
}

// What stays of the old info when a framework subscribes again: semantics section 2.
Result<mesos::v1::FrameworkInfo> merged_info(const Framework* known,
                                             mesos::v1::FrameworkInfo info) {
    if (known == nullptr) return info;
    if (info.principal() != known->info->principal()) {
        return fail(Errc::invalid_argument,
                    "Changing the principal of framework {} from '{}' to '{}' is not allowed",
                    known->id, known->info->principal(), info.principal());
    }
    info.set_user(known->info->user());
    info.set_checkpoint(known->info->checkpoint());
    return info;
}

mesos::v1::scheduler::Event subscribed_event(const State& state, const FrameworkId& id) {
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::SUBSCRIBED);
    auto& subscribed = *event.mutable_subscribed();
    subscribed.mutable_framework_id()->set_value(id.value);
    subscribed.set_heartbeat_interval_seconds(seconds(state.config.scheduler_heartbeat));
    *subscribed.mutable_master_info() = state.scheduler_info;
    return event;
}

void connect(Turn& turn, Framework& framework, const StreamId& stream) {
    framework.phase = Framework::Phase::connected;
    framework.stream = stream;
    framework.teardown_due.reset();
    framework.disconnected_at.reset();
    turn.state.timers.cancel({TimerKey::Kind::framework_failover, framework.id.value});
    turn.state.streams.emplace(stream, framework.id);
    turn.changed(framework.id);
    turn.send(framework, subscribed_event(turn.state, framework.id));
    on_heartbeat_due(turn, framework.id);
    turn.state.allocator->update_framework(client_of(framework, turn.state.config));
    turn.state.allocator->activate_framework(framework.id);
}

}  // namespace

void on_subscribe(Turn& turn, SchedulerSubscribed subscribed) {
    State& state = turn.state;
    const StreamId& stream = subscribed.stream;
    if (state.streams.contains(stream) || state.pending.subscription_streams.contains(stream)) {
        turn.log(Severity::error, "Ignoring a second subscription on stream {}", stream);
        return;
    }
    mesos::v1::FrameworkInfo info = subscribed.subscribe.framework_info();
    if (!info.has_principal() && subscribed.principal) info.set_principal(*subscribed.principal);
    const FrameworkId named{info.id().value()};
    turn.count(named.empty() ? "messages_register_framework" : "messages_reregister_framework");
    if (const auto valid = validate_framework(subscribed.subscribe, framework_rules(state.config));
        !valid) {
        return refuse(turn, stream, valid.error().text);
    }
    if (state.ended_frameworks.contains(named)) {
        return refuse(turn, stream, "Framework has been removed");
    }
    auto over = over_framework_limit(state, named);
    if (!over) over = over_label_limit(state.config.limits, info);
    if (over) {
        turn.count(over->counter);
        return refuse(turn, stream, over->error.text);
    }
    const Framework* known = named.empty() ? nullptr : turn.find_framework(named);
    auto merged = merged_info(known, std::move(info));
    if (!merged) return refuse(turn, stream, merged.error().text);

    const FrameworkId id = named.empty() ? new_framework_id(state) : named;
    merged->mutable_id()->set_value(id.value);
    if (!named.empty()) fail_over(turn, id);
    state.timers.cancel({TimerKey::Kind::framework_failover, id.value});
    if (Framework* waiting = turn.find_framework(id)) waiting->teardown_due.reset();
    const WallTime registered_at = known == nullptr ? turn.now.wall : known->registered_at;
    turn.persist({{framework_key(id), encode_connected(*merged, registered_at)}},
                 SubscriptionStored{id, stream});
    state.pending.subscription_streams.emplace(stream, id);
    state.pending.subscriptions.emplace(
        id, PendingSubscription{stream, std::move(*merged), std::move(subscribed.subscribe),
                                named.empty()});
}

void on_subscription_stored(Turn& turn, const SubscriptionStored& stored) {
    PendingWrites& pending = turn.state.pending;
    const auto it = pending.subscriptions.find(stored.framework);
    if (it == pending.subscriptions.end() || it->second.stream != stored.stream) return;
    PendingSubscription subscription = std::move(it->second);
    pending.subscriptions.erase(it);
    pending.subscription_streams.erase(stored.stream);

    Framework* framework = turn.find_framework(stored.framework);
    const bool known = framework != nullptr;
    if (known) {
        framework->reregistered_at = turn.now.wall;
        read_framework_info(*framework, std::move(subscription.info));
    } else {
        framework =
            &add_framework(turn, std::move(subscription.info), Framework::Phase::disconnected);
    }
    const auto& suppressed = subscription.subscribe.suppressed_roles();
    framework->suppressed_roles = {suppressed.begin(), suppressed.end()};
    framework->offer_constraints = std::move(*subscription.subscribe.mutable_offer_constraints());
    turn.log(Severity::info, "Framework {} ({}) {}", framework->id, framework->info->name(),
             known ? "subscribed again" : "subscribed");
    connect(turn, *framework, stored.stream);
    review_agents_of(turn, *framework);
    if (known) {
        publish_framework_updated(turn, *framework);
        update_agents(turn, *framework);
    } else {
        publish_framework_added(turn, *framework);
    }
}

void on_stream_closed(Turn& turn, const StreamId& stream) {
    State& state = turn.state;
    if (const auto it = state.pending.subscription_streams.find(stream);
        it != state.pending.subscription_streams.end()) {
        const FrameworkId id = it->second;
        PendingSubscription subscription = std::move(state.pending.subscriptions.at(id));
        state.pending.subscription_streams.erase(it);
        state.pending.subscriptions.erase(id);
        if (Framework* framework = turn.find_framework(id)) {
            await_return(turn, *framework);
        } else if (subscription.is_new) {
            // No client ever learns this id, so nothing may stay of it.
            turn.persist({{framework_key(id), std::nullopt}}, NothingWaits{});
        } else {
            Framework& framework =
                add_framework(turn, std::move(subscription.info), Framework::Phase::disconnected);
            publish_framework_added(turn, framework);
            await_return(turn, framework);
        }
        return;
    }
    const auto it = state.streams.find(stream);
    if (it == state.streams.end()) return;
    Framework& framework = state.frameworks.at(it->second);
    drop_stream(turn, framework);
    await_return(turn, framework);
}

void on_failover_due(Turn& turn, const FrameworkId& id) {
    Framework* framework = turn.find_framework(id);
    if (framework == nullptr || framework->connected()) return;
    begin_framework_end(turn, *framework, "it did not come back within its failover_timeout");
}

void on_heartbeat_due(Turn& turn, const FrameworkId& id) {
    static const auto heartbeat = [] {
        mesos::v1::scheduler::Event event;
        event.set_type(mesos::v1::scheduler::Event::HEARTBEAT);
        return std::make_shared<const mesos::v1::scheduler::Event>(std::move(event));
    }();
    const Framework* framework = turn.find_framework(id);
    if (framework == nullptr || !framework->connected()) return;
    turn.send(*framework, heartbeat);
    turn.state.timers.set({TimerKey::Kind::heartbeat, id.value},
                          turn.now.instant + turn.state.config.scheduler_heartbeat);
}

void recover_framework(Turn& turn, const registry::FrameworkRecord& record) {
    Framework& framework = add_framework(turn, record.framework(), Framework::Phase::recovered);
    framework.registered_at = WallTime{Duration{record.registered_at_nanoseconds()}};
    const Duration full = time_to_return(turn, framework);
    if (record.phase() != registry::FrameworkRecord::DISCONNECTED) {
        set_failover_deadline(turn, framework, full);
        return;
    }
    // The wall clock may have jumped between the two masters: never more than the full time.
    const Duration teardown_at{std::max<std::int64_t>(record.teardown_at_nanoseconds(), 0)};
    set_failover_deadline(turn, framework, std::min(teardown_at - turn.now.wall.since_epoch, full));
}

Framework& adopt_framework(Turn& turn, const mesos::v1::FrameworkInfo& info) {
    Framework& framework = add_framework(turn, info, Framework::Phase::recovered);
    publish_framework_added(turn, framework);
    // Its own subscription is on the way to the registry: nothing to wait for, nothing to store.
    if (turn.state.pending.subscriptions.contains(framework.id)) return framework;
    const Duration left = time_to_return(turn, framework);
    set_failover_deadline(turn, framework, left);
    turn.persist(
        {{framework_key(framework.id), encode_disconnected(*framework.info, framework.registered_at,
                                                           wall_after(turn.now.wall, left))}},
        NothingWaits{});
    return framework;
}

}  // namespace tepui::master
