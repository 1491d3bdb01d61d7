#include "master/core/fuzz_world_testing.h"

#include <algorithm>

#include "base/assert.h"
#include "base/overloaded.h"
#include "master/core/ledger.h"
#include "master/core/validation.h"

namespace tepui::master::testing {

namespace {

constexpr std::size_t told_max = 16;

// What is offered on an agent is there and not used, each piece once. More may be used than there
// is: an agent may report more tasks, or less room, than it had.
void check_agent(const State& state, const Agent& agent) {
    Resources left = agent.total.nonshared();
    for (const auto& [framework, used] : agent.used) left -= used.unallocated().nonshared();
    for (const OfferId& id : agent.offers) {
        const auto offer = state.offers.find(id);
        TEPUI_ASSERT(offer != state.offers.end() && offer->second.agent == agent.id);
        const Resources plain = offer->second.resources.unallocated().nonshared();
        TEPUI_ASSERT_WHY(left.contains(plain), "nothing is offered twice, or while it is used");
        left -= plain;
    }
    if (agent.offers.empty()) return;
    TEPUI_ASSERT_WHY(agent.active(), "offers are only of agents that are connected");
}

void check_references(const State& state) {
    std::size_t streams = 0;
    for (const auto& [id, framework] : state.frameworks) {
        if (framework.connected()) {
            ++streams;
            TEPUI_ASSERT(framework.stream.has_value());
            const auto stream = state.streams.find(*framework.stream);
            TEPUI_ASSERT(stream != state.streams.end() && stream->second == id);
        }
        for (const OfferId& offer : framework.offers) TEPUI_ASSERT(state.offers.contains(offer));
        for (const auto& [task_id, task] : framework.tasks) {
            const auto agent = state.agents.find(task.agent);
            TEPUI_ASSERT(agent != state.agents.end());
            TEPUI_ASSERT(agent->second.tasks.contains(TaskKey{id, task_id}));
            TEPUI_ASSERT(!framework.unreachable_tasks.contains(task_id));
        }
        for (const auto& [operation_id, key] : framework.operations) {
            const auto agent = state.agents.find(key.agent);
            TEPUI_ASSERT(agent != state.agents.end());
            const auto operation = agent->second.operations.find(key.uuid);
            TEPUI_ASSERT(operation != agent->second.operations.end());
            TEPUI_ASSERT(operation->second.info->info().id().value() == operation_id);
        }
        TEPUI_ASSERT(framework.unreachable_tasks.size() == framework.unreachable_order.size());
    }
    TEPUI_ASSERT(streams == state.streams.size());
    for (const auto& [id, offer] : state.offers) {
        const auto framework = state.frameworks.find(offer.framework);
        const auto agent = state.agents.find(offer.agent);
        TEPUI_ASSERT(framework != state.frameworks.end() && framework->second.offers.contains(id));
        TEPUI_ASSERT(framework->second.active());
        TEPUI_ASSERT(agent != state.agents.end() && agent->second.offers.contains(id));
    }
}

// One a framework and agent at most, and never where there is nothing to leave or to hear it.
void check_inverse_offers(const State& state) {
    std::set<std::pair<FrameworkId, AgentId>> asked;
    for (const auto& [id, offer] : state.inverse_offers) {
        TEPUI_ASSERT(asked.emplace(offer.framework, offer.agent).second);
        const auto framework = state.frameworks.find(offer.framework);
        const auto agent = state.agents.find(offer.agent);
        TEPUI_ASSERT(framework != state.frameworks.end() && framework->second.connected());
        TEPUI_ASSERT(framework->second.inverse_offers.contains(id));
        TEPUI_ASSERT(agent != state.agents.end() && agent->second.active());
        TEPUI_ASSERT(agent->second.unavailability && agent->second.inverse_offers.contains(id));
    }
}

void check_drains(const State& state) {
    for (const auto& [id, drain] : state.drains) {
        TEPUI_ASSERT(state.deactivated_agents.contains(id));
        const auto agent = state.agents.find(id);
        if (agent == state.agents.end()) continue;
        TEPUI_ASSERT(state.watched_agents.contains(id) && agent->second.offers.empty());
    }
}

void check_published(const OperatorEvents& events) {
    for (const OperatorEvent& event : events) {
        std::visit(
            Overloaded{
                [](const TaskAdded& added) { TEPUI_ASSERT(added.task->IsInitialized()); },
                [](const TaskUpdated& updated) { TEPUI_ASSERT(updated.status->IsInitialized()); },
                [](const AgentAdded& added) { TEPUI_ASSERT(!added.agent->id.empty()); },
                [](const AgentRemoved& removed) { TEPUI_ASSERT(!removed.agent.empty()); },
                [](const FrameworkRemoved& removed) { TEPUI_ASSERT(removed.info); },
                [](const auto& told) { TEPUI_ASSERT(told.framework.info); },
            },
            event);
    }
}

}  // namespace

FuzzWorld::FuzzWorld(CoreConfig config) : config_(std::move(config)) { begin(); }

void FuzzWorld::begin() {
    mesos::v1::MasterInfo info;
    info.set_id(fmt::format("m{}", ++masters_));
    info.set_ip(0);
    info.set_port(5050);
    auto core = Core::create(config_, std::move(info), registry_, /*seed=*/7, now());
    TEPUI_ASSERT_WHY(core.has_value(), "what a master stored the next one can read");
    core_ = std::move(*core);
    perform(core_->start(now()));
    persist_all();
    TEPUI_ASSERT(core_->recovered());
}

void FuzzWorld::step(Event event) {
    if (ended_) return;
    const bool is_tick = std::holds_alternative<Tick>(event);
    const bool owed = owed_ && !is_tick;
    Effects effects =
        core_->step(std::move(event), now(), owed ? Core::Offers::owed : Core::Offers::made);
    if (!owed) TEPUI_ASSERT(!core_->owes_offers());
    perform(std::move(effects));  // Steps again for what is stored at once; that may owe some.
    if (!ended_ && is_tick && core_->recovered())
        TEPUI_ASSERT_WHY(core_->next_deadline() > instant_, "a tick settles what was due");
    check();
}

void FuzzWorld::perform(Effects effects) {
    for (Effect& effect : effects) perform(effect);
    if (!writes_held_) persist_all();
}

void FuzzWorld::perform(Effect& effect) {
    std::visit(Overloaded{
                   [&](const SendToScheduler& send) {
                       TEPUI_ASSERT(!closed_streams_.contains(send.stream));
                       TEPUI_ASSERT(send.event->IsInitialized());
                       if (!send.event->has_update() || !send.event->update().status().has_uuid())
                           return;
                       told_.push_front(send.event->update().status());
                       if (told_.size() > told_max) told_.pop_back();
                   },
                   [&](const CloseScheduler& close) { closed_streams_.insert(close.stream); },
                   [&](const SendToAgent& send) {
                       TEPUI_ASSERT(!closed_links_.contains(send.link));
                       TEPUI_ASSERT(send.frame->IsInitialized());
                   },
                   [&](const CloseAgentLink& close) { closed_links_.insert(close.link); },
                   [&](PersistWrites& writes) { writes_.push_back(std::move(writes)); },
                   [&](const AnswerRequest& answer) {
                       TEPUI_ASSERT_WHY(unanswered_.erase(answer.request) == 1,
                                        "a request is answered once");
                   },
                   [&](const EndMaster&) { ended_ = true; },
                   [](const LogLine& line) { TEPUI_ASSERT(!line.text.empty()); },
               },
               effect);
}

void FuzzWorld::check() const {
    const State& state = core_->state();
    TEPUI_ASSERT(ledger_balances(state));
    check_references(state);
    check_inverse_offers(state);
    check_drains(state);
    for (const auto& [id, agent] : state.agents) check_agent(state, agent);
}

void FuzzWorld::subscribe(mesos::v1::scheduler::Call call,
                          const std::optional<std::string>& principal) {
    if (!validate_call(call, principal) || call.type() != mesos::v1::scheduler::Call::SUBSCRIBE)
        return;
    const StreamId stream{fmt::format("s{}", ++last_stream_)};
    streams_.push_back(stream);
    step(SchedulerSubscribed{stream, std::move(*call.mutable_subscribe()), principal});
}

void FuzzWorld::call(mesos::v1::scheduler::Call call, const std::optional<StreamId>& stream) {
    if (call.type() == mesos::v1::scheduler::Call::SUBSCRIBE) return subscribe(call, std::nullopt);
    if (!core_->check_call(call, stream)) return;
    step(SchedulerCalled{*stream, std::move(call)});
}

void FuzzWorld::disconnect(std::size_t which) {
    if (streams_.empty()) return;
    const auto it = streams_.begin() + static_cast<std::ptrdiff_t>(which % streams_.size());
    const StreamId stream = *it;
    streams_.erase(it);
    closed_streams_.insert(stream);
    step(SchedulerDisconnected{stream});
}

LinkId FuzzWorld::open_link() {
    links_.push_back(LinkId{++last_link_});
    return links_.back();
}

void FuzzWorld::frame(LinkId link, link::ToMaster frame) {
    if (!open(link) || !frame.IsInitialized()) return;
    step(AgentFrameReceived{link, std::move(frame), "10.0.0.1"});
}

void FuzzWorld::close_link(std::size_t which) {
    if (links_.empty()) return;
    const auto it = links_.begin() + static_cast<std::ptrdiff_t>(which % links_.size());
    const LinkId link = *it;
    links_.erase(it);
    closed_links_.insert(link);
    step(AgentLinkClosed{link});
}

RequestToken FuzzWorld::new_request() {
    const RequestToken request{++last_request_};
    unanswered_.insert(request);
    return request;
}

void FuzzWorld::teardown(const FrameworkId& framework) {
    step(TeardownRequested{new_request(), framework});
}

void FuzzWorld::kill(const FrameworkId& framework, const TaskId& task,
                     std::optional<mesos::v1::KillPolicy> policy) {
    step(KillRequested{new_request(), framework, task, std::move(policy)});
}

void FuzzWorld::mark_gone(const AgentId& agent) {
    step(MarkAgentGoneRequested{new_request(), agent});
}

void FuzzWorld::deactivate(const AgentId& agent, bool deactivated) {
    step(DeactivationRequested{new_request(), agent, deactivated});
}

void FuzzWorld::weights(std::vector<mesos::v1::WeightInfo> infos) {
    step(WeightsUpdateRequested{new_request(), std::move(infos)});
}

void FuzzWorld::schedule(mesos::v1::maintenance::Schedule schedule) {
    step(MaintenanceScheduleRequested{new_request(), std::move(schedule)});
}

void FuzzWorld::machines(std::vector<mesos::v1::MachineID> machines, bool down) {
    step(MachinesRequested{new_request(), std::move(machines), down});
}

void FuzzWorld::drain(const AgentId& agent, mesos::v1::DrainConfig config) {
    step(DrainRequested{new_request(), agent, std::move(config)});
}

void FuzzWorld::cancel_drain(const AgentId& agent) {
    step(DrainCancelRequested{new_request(), agent});
}

void FuzzWorld::operate(const AgentId& agent, mesos::v1::Offer::Operation operation) {
    step(OperationRequested{new_request(), agent, std::move(operation), std::nullopt});
}

void FuzzWorld::quotas(std::vector<mesos::v1::quota::QuotaConfig> configs, bool force,
                       std::size_t only) {
    step(QuotaUpdateRequested{new_request(), std::move(configs), force,
                              static_cast<QuotaUpdateRequested::Only>(only)});
}

void FuzzWorld::whitelist(std::optional<std::set<std::string>> hostnames) {
    step(WhitelistChanged{std::move(hostnames)});
}

void FuzzWorld::take_what_readers_take() {
    check_published(core_->take_published());
    const Changes changes = core_->take_changes();
    TEPUI_ASSERT(changes.version == core_->state().version);
    core_->pack(changes);
}

void FuzzWorld::pass(Duration span) {
    instant_ += span;
    wall_.since_epoch += span;
    step(Tick{});
}

void FuzzWorld::pass_to_deadline() {
    const Instant due = core_->next_deadline();
    // A deadline centuries away (a failover_timeout may be as long) is not waited for.
    if (due - instant_ > std::chrono::hours{24 * 365}) return;
    pass(std::max(due - instant_, Duration::zero()));
}

void FuzzWorld::hold_writes(bool held) {
    writes_held_ = held;
    if (!held) persist_all();
}

void FuzzWorld::persist_one() {
    if (writes_.empty()) return;
    const PersistWrites batch = std::move(writes_.front());
    writes_.pop_front();
    for (const RegistryWrite& write : batch.writes) {
        if (write.value) {
            registry_.insert_or_assign(write.key, *write.value);
        } else {
            registry_.erase(write.key);
        }
    }
    step(WritesPersisted{batch.token});
}

void FuzzWorld::persist_all() {
    while (!writes_.empty() && !ended_) persist_one();
}

void FuzzWorld::restart() {
    writes_.clear();
    streams_.clear();
    links_.clear();
    unanswered_.clear();
    told_.clear();
    ended_ = false;
    begin();
}

void FuzzWorld::finish() {
    persist_all();
    if (!ended_) TEPUI_ASSERT_WHY(unanswered_.empty(), "every request is answered");
    take_what_readers_take();
    restart();
}

}  // namespace tepui::master::testing
