#include "master/core/core.h"

#include <algorithm>

#include "base/overloaded.h"
#include "master/core/agent_loss.h"
#include "master/core/agent_review.h"
#include "master/core/agents.h"
#include "master/core/allocation_pause.h"
#include "master/core/calls.h"
#include "master/core/deactivation.h"
#include "master/core/drain.h"
#include "master/core/executors.h"
#include "master/core/framework_end.h"
#include "master/core/frameworks.h"
#include "master/core/gone.h"
#include "master/core/inverse_offers.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/oversubscription.h"
#include "master/core/preemption.h"
#include "master/core/priorities.h"
#include "master/core/quota.h"
#include "master/core/registry_codec.h"
#include "master/core/registry_gc.h"
#include "master/core/removals.h"
#include "master/core/state.h"
#include "master/core/tasks.h"
#include "master/core/turn.h"
#include "master/core/weights.h"
#include "master/core/whitelist.h"

namespace tepui::master {

namespace {

// Everything that is counted, so that a metric shows 0 before its first event.
constexpr const char* counter_names[] = {
    "dropped_messages",
    "invalid_executor_to_framework_messages",
    "invalid_framework_to_executor_messages",
    "invalid_operation_status_update_acknowledgements",
    "invalid_operation_status_updates",
    "invalid_status_update_acknowledgements",
    "invalid_status_updates",
    "limits/attributes_refused",
    "limits/frameworks_refused",
    "limits/labels_refused",
    "limits/messages_refused",
    "limits/task_data_refused",
    "limits/tasks_per_framework_refused",
    "limits/tasks_refused",
    "messages_decline_offers",
    "messages_executor_to_framework",
    "messages_exited_executor",
    "messages_framework_to_executor",
    "messages_kill_task",
    "messages_launch_tasks",
    "messages_operation_status_update",
    "messages_operation_status_update_acknowledgement",
    "messages_reconcile_operations",
    "messages_reconcile_tasks",
    "messages_register_framework",
    "messages_register_slave",
    "messages_reregister_framework",
    "messages_reregister_slave",
    "messages_resource_request",
    "messages_revive_offers",
    "messages_status_update",
    "messages_status_update_acknowledgement",
    "messages_suppress_offers",
    "messages_unregister_framework",
    "messages_unregister_slave",
    "preemptions/asked",
    "preemptions/offers_rescinded",
    "preemptions/tasks",
    "preemptions/withdrawn",
    "recovery_slave_removals",
    "slave_registrations",
    "slave_removals",
    "slave_removals/reason_registered",
    "slave_removals/reason_unhealthy",
    "slave_removals/reason_unregistered",
    "slave_reregistrations",
    "slave_unreachable_canceled",
    "slave_unreachable_completed",
    "slave_unreachable_scheduled",
    "tasks_dropped",
    "tasks_error",
    "tasks_failed",
    "tasks_finished",
    "tasks_gone",
    "tasks_gone_by_operator",
    "tasks_killed",
    "tasks_lost",
    "valid_executor_to_framework_messages",
    "valid_framework_to_executor_messages",
    "valid_operation_status_update_acknowledgements",
    "valid_operation_status_updates",
    "valid_status_update_acknowledgements",
    "valid_status_updates",
};

void recover_ended(State& state, const Registry& registry) {
    std::vector<std::pair<std::int64_t, FrameworkId>> ended;
    for (const auto& [id, record] : registry.frameworks) {
        if (record.phase() == registry::FrameworkRecord::ENDED) {
            ended.emplace_back(record.ended_at_nanoseconds(), id);
        }
    }
    std::ranges::sort(ended);
    for (const auto& [at, id] : ended) remember_ended(state, id);
}

void recover(Turn& turn, const Registry& registry) {
    recover_weights(turn, registry);
    recover_quotas(turn, registry);
    recover_priorities(turn, registry);
    recover_maintenance(turn, registry);
    recover_ended(turn.state, registry);
    for (const auto& [id, record] : registry.frameworks) {
        if (record.phase() != registry::FrameworkRecord::ENDED) recover_framework(turn, record);
    }
    for (const auto& [id, record] : registry.agents) recover_agent(turn, record);
    recover_whitelist(turn);
    begin_allocation_pause(turn);
}

// What a bound agent says. Registrations are handled before.
void on_bound_frame(Turn& turn, Agent& agent, link::ToMaster& frame) {
    switch (frame.message_case()) {
        case link::ToMaster::kUnregisterAgent:
            turn.count("messages_unregister_slave");
            return begin_removal(turn, agent, "Agent unregistered",
                                 "slave_removals/reason_unregistered");
        case link::ToMaster::kStatusUpdate:
            return on_status_update(turn, agent, std::move(*frame.mutable_status_update()));
        case link::ToMaster::kExecutorMessage:
            return on_executor_message(turn, agent, std::move(*frame.mutable_executor_message()));
        case link::ToMaster::kExecutorExited:
            return on_executor_exited(turn, agent, frame.executor_exited());
        case link::ToMaster::kPong: return on_pong(turn, agent);
        case link::ToMaster::kOversubscribedResources:
            return on_oversubscribed(turn, agent, frame.oversubscribed_resources());
        case link::ToMaster::kOperationUpdate:
            return on_operation_update(turn, agent, frame.operation_update());
        case link::ToMaster::kCheckpointedResources:
            return on_checkpointed_resources(turn, agent, frame.checkpointed_resources());
        case link::ToMaster::kRegisterAgent:
        case link::ToMaster::kReregisterAgent: return;
        case link::ToMaster::MESSAGE_NOT_SET:
            turn.log(Severity::warning, "Ignoring an empty frame of agent {}", agent.id);
            return;
    }
}

// What comes in the name of an agent that is not bound to the connection, which may be a stale one.
// The sender is told to register again, except by a pong: that would answer the telling itself.
void on_unbound_frame(Turn& turn, LinkId link, const AgentId& id, const link::ToMaster& frame) {
    if (frame.message_case() == link::ToMaster::kPong) return;
    turn.log(Severity::info, "Ignoring a frame of agent {}, which is not bound to connection {}",
             id, link.value);
    link::ToAgent answer;
    answer.set_agent_id(id.value);
    if (frame.has_channel()) answer.set_channel(frame.channel());
    answer.mutable_ping()->set_connected(false);
    turn.effects.emplace_back(
        SendToAgent{link, std::make_shared<const link::ToAgent>(std::move(answer))});
}

void on_agent_frame(Turn& turn, AgentFrameReceived received) {
    if (!turn.state.recovered) return;  // The agent repeats its registration.
    const auto link = turn.state.links.find(received.link);
    if (link != turn.state.links.end() && link->second.closing) return;
    link::ToMaster& frame = received.frame;
    const AgentId id{frame.agent_id()};
    const std::optional<std::uint64_t> channel =
        frame.has_channel() ? std::optional{frame.channel()} : std::nullopt;
    if (frame.has_register_agent()) {
        return on_register_agent(turn, received.link, channel,
                                 std::move(*frame.mutable_register_agent()), received.peer_ip);
    }
    if (frame.has_reregister_agent()) {
        return on_reregister_agent(turn, received.link, channel, id,
                                   std::move(*frame.mutable_reregister_agent()), received.peer_ip);
    }
    Agent* agent = turn.find_agent(id);
    if (agent == nullptr || agent->link != received.link) {
        return on_unbound_frame(turn, received.link, id, frame);
    }
    on_bound_frame(turn, *agent, frame);
}

void on_persisted(Turn& turn, PersistToken token) {
    const auto it = turn.state.pending.continuations.find(token);
    if (it == turn.state.pending.continuations.end()) {
        turn.log(Severity::error, "Ignoring the completion of unknown write {}", token.value);
        return;
    }
    Continuation continuation = std::move(it->second);
    turn.state.pending.continuations.erase(it);
    std::visit(Overloaded{
                   [&](EpochStored) {
                       turn.state.recovered = true;
                       turn.log(Severity::info, "Leading with epoch {}", turn.state.epoch);
                   },
                   [&](const SubscriptionStored& stored) { on_subscription_stored(turn, stored); },
                   [&](const FrameworkEndStored& stored) { on_framework_end_stored(turn, stored); },
                   [&](AgentStored& stored) { on_agent_stored(turn, token, std::move(stored)); },
                   [&](const UnreachableStored& stored) { on_unreachable_stored(turn, stored); },
                   [&](const AgentRemovalStored& stored) { on_agent_removal_stored(turn, stored); },
                   [&](const GoneStored& stored) { on_gone_stored(turn, stored); },
                   [&](const AgentsForgotten& stored) { on_agents_forgotten(turn, stored); },
                   [&](const DeactivationStored& stored) { on_deactivation_stored(turn, stored); },
                   [&](const WeightsStored& stored) { on_weights_stored(turn, stored); },
                   [&](const QuotasStored& stored) { on_quotas_stored(turn, stored); },
                   [&](const MaintenanceStored& stored) { on_maintenance_stored(turn, stored); },
                   [&](const DrainStored& stored) { on_drain_stored(turn, stored); },
                   [&](const PrioritiesStored& stored) { on_priorities_stored(turn, stored); },
                   [](NothingWaits) {},
               },
               continuation);
}

void on_timer(Turn& turn, const TimerKey& key) {
    switch (key.kind) {
        case TimerKey::Kind::heartbeat: return on_heartbeat_due(turn, FrameworkId{key.id});
        case TimerKey::Kind::framework_failover: return on_failover_due(turn, FrameworkId{key.id});
        case TimerKey::Kind::ping: return on_ping_due(turn, AgentId{key.id});
        case TimerKey::Kind::agent_reregister:
            return on_agent_reregister_due(turn, AgentId{key.id});
        case TimerKey::Kind::recovery: return on_recovery_due(turn);
        case TimerKey::Kind::removal: return on_removal_due(turn);
        case TimerKey::Kind::registry_gc: return on_registry_gc_due(turn);
        case TimerKey::Kind::offer: return on_offer_due(turn, OfferId{key.id});
        case TimerKey::Kind::inverse_offers: return on_inverse_offers_due(turn, AgentId{key.id});
        case TimerKey::Kind::allocation: return resume_allocation(turn);
        case TimerKey::Kind::preemption: return judge_preemption(turn);
    }
}

void on_tick(Turn& turn) {
    if (!turn.state.recovered) return;  // Nothing may be visible yet; timers wait.
    while (const auto key = turn.state.timers.pop_due(turn.now.instant)) on_timer(turn, *key);
}

void on_early_subscription(Turn& turn, const StreamId& stream) {
    turn.effects.emplace_back(CloseScheduler{stream});
}

template <typename T>
concept OperatorRequest = requires(const T& event) {
    { event.request } -> std::convertible_to<RequestToken>;
};

bool refuse_early_request(Turn& turn, RequestToken request) {
    if (turn.state.recovered) return false;
    turn.effects.emplace_back(
        AnswerRequest{request, fail(Errc::unavailable, "This master is recovering")});
    return true;
}

void dispatch(Turn& turn, Event& event) {
    std::visit(Overloaded{
                   [&](SchedulerSubscribed& subscribed) {
                       if (!turn.state.recovered)
                           return on_early_subscription(turn, subscribed.stream);
                       on_subscribe(turn, std::move(subscribed));
                   },
                   [&](SchedulerCalled& called) { on_scheduler_call(turn, std::move(called)); },
                   [&](const SchedulerDisconnected& gone) { on_stream_closed(turn, gone.stream); },
                   [&](AgentFrameReceived& received) { on_agent_frame(turn, std::move(received)); },
                   [&](const AgentLinkClosed& closed) { on_link_closed(turn, closed.link); },
                   [&](const WritesPersisted& persisted) { on_persisted(turn, persisted.token); },
                   [&](const OperatorRequest auto& requested) {
                       if (refuse_early_request(turn, requested.request)) return;
                       on_requested(turn, requested);
                   },
                   [&](const WhitelistChanged& changed) { on_whitelist(turn, changed); },
                   [&](Tick) { on_tick(turn); },
               },
               event);
}

}  // namespace

Core::Core(std::unique_ptr<State> state) : state_(std::move(state)) {}
Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::create(CoreConfig config, mesos::v1::MasterInfo info,
                                           std::map<std::string, std::string> stored,
                                           std::uint64_t seed, Now now) {
    // A timer that sets itself again without any time in between would never let a step end.
    if (config.agent_ping_timeout <= Duration::zero() ||
        config.scheduler_heartbeat <= Duration::zero() ||
        config.registry_gc_interval <= Duration::zero()) {
        return fail(Errc::invalid_argument,
                    "agent_ping_timeout, registry_gc_interval and the scheduler heartbeat must be "
                    "above 0");
    }
    const Registry registry = TEPUI_TRY(decode_registry(stored));
    auto state = std::make_unique<State>();
    state->config = std::move(config);
    state->scheduler_info = info;
    state->scheduler_info.clear_capabilities();
    for (const auto& capability : info.capabilities()) {
        if (capability.type() == mesos::v1::MasterInfo::Capability::QUOTA_V2) continue;
        *state->scheduler_info.add_capabilities() = capability;
    }
    state->info = std::move(info);
    state->epoch = registry.epoch + 1;
    state->started = now.instant;
    state->started_at = now.wall;
    for (const char* name : counter_names) state->counters.emplace(name, 0);
    allocator::Options options;
    options.seed = seed;
    options.filter_min = state->config.allocation_interval;
    options.min_allocatable = state->config.min_allocatable;
    options.filter_gpu_resources = state->config.filter_gpu_resources;
    options.fair_sharing_excluded = state->config.fair_sharing_excluded;
    if (state->info.has_domain()) options.master_domain = state->info.domain();
    using allocator::Sorter;
    options.role_sorter = state->config.random_role_sorter ? Sorter::random : Sorter::drf;
    options.framework_sorter = state->config.random_framework_sorter ? Sorter::random : Sorter::drf;
    state->allocator = std::make_unique<allocator::Allocator>(std::move(options));
    Turn turn{*state, now};
    recover(turn, registry);
    return std::unique_ptr<Core>(new Core(std::move(state)));
}

Effects Core::start(Now now) {
    Turn turn{*state_, now};
    if (state_->weights_stored && !state_->config.weights.empty()) {
        turn.log(Severity::warning, "--weights is ignored: the registry holds weights");
    }
    turn.persist({{epoch_key, fmt::format("{}", state_->epoch)}}, EpochStored{});
    return std::move(turn.effects);
}

Effects Core::step(Event event, Now now, Offers offers) {
    Turn turn{*state_, now};
    dispatch(turn, event);
    consider_resuming(turn);
    consider_preemption(turn);
    if (offers == Offers::made && state_->recovered &&
        (state_->allocator->dirty() || state_->allocator->next_deadline() <= now.instant)) {
        make_offers(turn);
    }
    if (offers == Offers::made && state_->recovered) review_agents(turn);
    if (turn.touched) state_->changes.version = ++state_->version;
    return std::move(turn.effects);
}

bool Core::owes_offers() const {
    return state_->recovered && (state_->allocator->dirty() || !state_->agents_to_review.empty());
}

Instant Core::next_deadline() const {
    if (!state_->recovered) return Instant::max();
    return std::min(state_->timers.next(), state_->allocator->next_deadline());
}

Result<void> Core::check_call(const mesos::v1::scheduler::Call& call,
                              const std::optional<StreamId>& stream) {
    TEPUI_CHECK_OK(check_scheduler_call(*state_, call, stream));
    auto over = over_call_limits(state_->config.limits, call);
    if (!over) return {};
    ++state_->counters.find(over->counter)->second;  // All are present from the start.
    return std::unexpected(std::move(over->error));
}

const State& Core::state() const { return *state_; }
bool Core::recovered() const { return state_->recovered; }

void Core::publish_events(bool wanted) {
    state_->publishing = wanted;
    if (!wanted) state_->published.clear();
}

OperatorEvents Core::take_published() { return std::exchange(state_->published, {}); }

Changes Core::take_changes() {
    Changes taken = std::exchange(state_->changes, Changes{});
    taken.version = state_->version;
    return taken;
}

void Core::pack(const Changes& changes) { pack_quiet_tasks(*state_, changes); }

}  // namespace tepui::master
