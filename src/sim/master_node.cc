#include "sim/master_node.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/overloaded.h"
#include "master/core/ledger.h"
#include "master/core/state.h"
#include "master/core/tasks.h"
#include "resources/entry.h"
#include "resources/task_state.h"

namespace tepui::sim {
namespace {

mesos::v1::MasterInfo master_info(std::string id) {
    mesos::v1::MasterInfo info;
    info.set_id(std::move(id));
    info.set_ip(16777343);  // 127.0.0.1 in network order.
    info.set_port(5050);
    info.set_pid("master@127.0.0.1:5050");
    info.set_hostname("127.0.0.1");
    info.set_version("1.12.0");
    return info;
}

master::CoreConfig core_config() {
    master::CoreConfig config;
    // Shorter than in production, so that a run of minutes meets every timeout.
    config.agent_ping_timeout = 3s;
    config.max_agent_ping_timeouts = 3;
    config.agent_reregister_timeout = 30s;
    config.offer_timeout = 20s;
    config.preemption_after = 2s;
    config.preemption_notice = 3s;
    return config;
}

}  // namespace

MasterNode::MasterNode(Timeline& timeline, GroundTruth& truth, const Faults& faults)
    : timeline_(timeline),
      truth_(truth),
      faults_(faults),
      disk_(timeline),
      sharing_(truth),
      preemption_(truth) {}

void MasterNode::start() {
    TEPUI_ASSERT(!alive());
    ++life_;
    Prng& prng = timeline_.prng();
    auto core = master::Core::create(core_config(), master_info(prng.uuid_text()), disk_.durable(),
                                     prng.next(), timeline_.now());
    if (!core) {
        truth_.breach("the master does not start from its disk: " + core.error().text);
        return;
    }
    core_ = std::move(*core);
    armed_ = Instant::max();
    sharing_.begin();
    preemption_.begin();
    perform(core_->start(timeline_.now()));
    if (alive()) arm();
}

void MasterNode::crash() {
    if (!alive()) return;
    ++life_;
    core_.reset();
    disk_.crash();
    for (const auto& [link, channel] : std::exchange(links_, {}))
        channel->abandon(Channel::Side::b);
    for (const auto& [stream, subscription] : std::exchange(streams_, {})) {
        subscription.channel->abandon(Channel::Side::b);
    }
}

void MasterNode::step(master::Event event) {
    if (!alive()) return;
    master::Effects effects = core_->step(std::move(event), timeline_.now());
    // Before the effects: the master may crash when it has told some of them.
    sharing_.note_dismissals(core_->state());
    perform(std::move(effects));
    if (!alive()) return;
    check_ledger();
    check_reservations();
    check_drains();
    check_inverse_offers();
    sharing_.check(core_->state());
    preemption_.check(core_->state());
    core_->pack(core_->take_changes());  // As for snapshots: tasks that run are packed.
    arm();
}

void MasterNode::set_whitelist(std::optional<std::set<std::string>> hostnames) {
    if (!alive()) return;
    sharing_.set_whitelist(hostnames);
    step(master::WhitelistChanged{std::move(hostnames)});
}

void MasterNode::perform(master::Effects effects) {
    for (const master::Effect& effect : effects) {
        if (timeline_.chance(faults_.crash_an_effect)) {
            timeline_.trace("master crashes between two effects");
            crash();
            timeline_.after(timeline_.between(0ms, faults_.down_longest), [this] {
                if (!alive()) start();
            });
            return;
        }
        perform_one(effect);
    }
}

void MasterNode::perform_one(const master::Effect& effect) {
    std::visit(Overloaded{
                   [&](const master::SendToScheduler& send) {
                       const auto it = streams_.find(send.stream);
                       if (it == streams_.end()) return;
                       if (timeline_.on_trace)
                           timeline_.trace("master -> {}: {}", send.stream,
                                           send.event->ShortDebugString());
                       it->second.channel->send(Channel::Side::b,
                                                wire::encode(it->second.media, *send.event));
                   },
                   [&](const master::CloseScheduler& close) {
                       const auto it = streams_.find(close.stream);
                       if (it == streams_.end()) return;
                       // What was sent before still arrives; the end follows it.
                       it->second.channel->send(Channel::Side::b, "");
                       it->second.channel->on_close(Channel::Side::b) = nullptr;
                       streams_.erase(it);
                   },
                   [&](const master::SendToAgent& send) {
                       const auto it = links_.find(send.link);
                       if (it == links_.end()) return;
                       note_kills(*send.frame);
                       preemption_.sent(core_->state(), *send.frame);
                       if (timeline_.on_trace)
                           timeline_.trace("master -> link {}: {}", send.link.value,
                                           send.frame->ShortDebugString());
                       it->second->send(Channel::Side::b, send.frame->SerializeAsString());
                   },
                   [&](const master::CloseAgentLink& close) {
                       const auto it = links_.find(close.link);
                       if (it == links_.end()) return;
                       const auto channel = it->second;
                       links_.erase(it);
                       channel->finish(Channel::Side::b);
                       timeline_.after(timeline_.between(0ms, 1ms),
                                       [this, life = life_, link = close.link] {
                                           if (life == life_) step(master::AgentLinkClosed{link});
                                       });
                   },
                   [&](const master::PersistWrites& writes) { persist(writes); },
                   [&](const master::AnswerRequest&) {},
                   [&](const master::EndMaster& end) {
                       // With its default limit a master never gives up on its agents.
                       TEPUI_ASSERT_WHY(false, end.why.c_str());
                   },
                   [&](const master::LogLine& line) { timeline_.trace("master: {}", line.text); },
               },
               effect);
}

void MasterNode::persist(const master::PersistWrites& persist) {
    Disk::Batch batch;
    for (const master::RegistryWrite& write : persist.writes)
        batch.emplace_back(write.key, write.value);
    disk_.commit(std::move(batch), [this, life = life_, token = persist.token] {
        if (life == life_) step(master::WritesPersisted{token});
    });
}

void MasterNode::arm() {
    const Instant due = core_->next_deadline();
    if (due == Instant::max() || (armed_ <= due && armed_ > timeline_.now().instant)) return;
    armed_ = std::max(due, timeline_.now().instant);
    timeline_.after(armed_ - timeline_.now().instant, [this, life = life_, due = armed_] {
        if (life != life_ || armed_ != due) return;
        armed_ = Instant::max();
        step(master::Tick{});
    });
}

void MasterNode::accept_agent(std::shared_ptr<Channel> channel) {
    if (!alive()) {
        channel->abandon(Channel::Side::b);
        return;
    }
    const master::LinkId link{next_link_++};
    links_.emplace(link, channel);
    channel->on_message(Channel::Side::b) = [this, life = life_, link](std::string bytes) {
        master::AgentFrameReceived received;
        received.link = link;
        TEPUI_ASSERT(received.frame.ParseFromString(bytes));
        if (timeline_.on_trace)
            timeline_.trace("link {} -> master: {}", link.value, received.frame.ShortDebugString());
        if (life == life_) step(std::move(received));
    };
    channel->on_close(Channel::Side::b) = [this, life = life_, link] {
        if (life != life_ || links_.erase(link) == 0) return;
        step(master::AgentLinkClosed{link});
    };
}

bool MasterNode::subscribe(std::shared_ptr<Channel> channel, wire::Media media,
                           const std::string& call) {
    if (!alive() || !core_->recovered()) return false;
    mesos::v1::scheduler::Call decoded;
    TEPUI_ASSERT(wire::decode(media, call, decoded).has_value());
    const StreamId stream{fmt::format("stream-{}", next_stream_++)};
    streams_.emplace(stream, Subscription{channel, media});
    channel->send(Channel::Side::b, stream.value);
    channel->on_close(Channel::Side::b) = [this, life = life_, stream] {
        if (life != life_ || streams_.erase(stream) == 0) return;
        step(master::SchedulerDisconnected{stream});
    };
    step(master::SchedulerSubscribed{stream, decoded.subscribe(), std::nullopt});
    return true;
}

unsigned MasterNode::call(wire::Media media, const std::string& call, const StreamId& stream) {
    if (!alive() || !core_->recovered()) return 503;
    mesos::v1::scheduler::Call decoded;
    TEPUI_ASSERT(wire::decode(media, call, decoded).has_value());
    if (const auto checked = core_->check_call(decoded, stream); !checked) {
        return checked.error().code == Errc::denied ? 403 : 400;
    }
    if (timeline_.on_trace) timeline_.trace("{} -> master: {}", stream, decoded.ShortDebugString());
    step(master::SchedulerCalled{stream, std::move(decoded)});
    return 202;
}

/// A drain is a kill of all that is there.
void MasterNode::note_kills(const link::ToAgent& frame) {
    if (!frame.has_drain_agent()) return;
    const auto agent = core_->state().agents.find(AgentId{frame.agent_id()});
    if (agent == core_->state().agents.end()) return;
    for (const TaskKey& task : agent->second.tasks) truth_.kill_asked(task);
}

/// Nothing is offered of an agent that is drained, and a drained one has nothing to run.
void MasterNode::check_drains() {
    const master::State& state = core_->state();
    for (const auto& [id, drain] : state.drains) {
        const auto agent = state.agents.find(id);
        if (agent == state.agents.end()) continue;
        if (!agent->second.offers.empty() || agent->second.active())
            truth_.breach(fmt::format("agent {} is offered while it is drained", id));
        if (drain.state() != mesos::v1::DRAINED) continue;
        // An end that was not acknowledged at its agent may come back with it.
        const auto lives = [&](const TaskKey& key) {
            return !is_terminal(state.frameworks.at(key.first).tasks.at(key.second).info.state());
        };
        if (const auto count = std::ranges::count_if(agent->second.tasks, lives); count > 0)
            truth_.breach(fmt::format("agent {} is drained and runs {} tasks", id, count));
    }
}

/// A framework is asked at most once to leave an agent, and only one where something is planned;
/// and to give back only what is to be displaced.
void MasterNode::check_inverse_offers() {
    const master::State& state = core_->state();
    std::set<std::pair<FrameworkId, AgentId>> asked;
    for (const auto& [id, offer] : state.inverse_offers) {
        if (offer.displaces) {
            const bool is_meant = std::ranges::any_of(state.displaced, [&](const auto& entry) {
                return entry.second.asked == id && entry.first.agent == offer.agent &&
                       entry.first.framework == offer.framework;
            });
            if (!is_meant)
                truth_.breach(
                    fmt::format("{} is asked to give back what nobody needs", offer.framework));
            continue;
        }
        if (!asked.emplace(offer.framework, offer.agent).second)
            truth_.breach(
                fmt::format("{} is asked twice to leave {}", offer.framework, offer.agent));
        const auto agent = state.agents.find(offer.agent);
        if (agent == state.agents.end() || !agent->second.active() ||
            agent->second.unavailability == nullptr)
            truth_.breach(
                fmt::format("{} is asked to leave {} for nothing", offer.framework, offer.agent));
    }
}

/// I8: what is reserved is offered to its role and those below it only, and used by them only.
void MasterNode::check_reservations() {
    const auto check = [&](const AgentId& agent, const Resources& resources, const char* what) {
        for (const Resources::Entry& entry : resources.entries()) {
            if (!entry.is_reserved()) continue;
            if (role_is_within(entry.allocation_role, entry.reservation_role())) continue;
            truth_.breach(fmt::format("I8: role {} {} what is reserved for {} on agent {}",
                                      entry.allocation_role, what, entry.reservation_role(),
                                      agent));
        }
    };
    for (const auto& [id, agent] : core_->state().agents) {
        for (const auto& [framework, resources] : agent.offered) check(id, resources, "is offered");
        for (const auto& [framework, resources] : agent.used) check(id, resources, "uses");
    }
}

/// I2: on each agent offered and used together fit into the total, offers do not overlap, and
/// nothing leaks.
void MasterNode::check_ledger() {
    const master::State& state = core_->state();
    // The recount costs more; a leak stays until one comes.
    if (++steps_ % 16 == 0) {
        if (!master::ledger_balances(state))
            truth_.breach("I2: the ledger is not the sum of offers, tasks and executors");
        for (const auto& [id, framework] : state.frameworks) {
            for (const auto& [task_id, task] : framework.tasks) {
                if (task.charged != is_terminal(task.info.state())) continue;
                truth_.breach(fmt::format("I2: {} is {} and {}charged for", task_id,
                                          mesos::v1::TaskState_Name(task.info.state()),
                                          task.charged ? "" : "not "));
            }
        }
    }
    for (const auto& [id, agent] : state.agents) {
        Resources taken;
        for (const auto& [framework, resources] : agent.offered) taken += resources.unallocated();
        for (const auto& [framework, resources] : agent.used) taken += resources.unallocated();
        if (!agent.total.contains(taken)) {
            truth_.breach(fmt::format("I2: agent {} has {} but {} are offered or used", id,
                                      agent.total.to_string(), taken.to_string()));
        }
        Resources in_offers;
        for (const OfferId& offer : agent.offers)
            in_offers += state.offers.at(offer).resources.unallocated();
        Resources offered;
        for (const auto& [framework, resources] : agent.offered) offered += resources.unallocated();
        if (!(in_offers == offered)) {
            truth_.breach(fmt::format("I2: agent {} counts {} as offered, its offers hold {}", id,
                                      offered.to_string(), in_offers.to_string()));
        }
    }
}

}  // namespace tepui::sim
