#include "master/core/agents.h"

#include "master/core/agent_loss.h"
#include "master/core/agent_review.h"
#include "master/core/deactivation.h"
#include "master/core/ledger.h"
#include "master/core/limits.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/publish.h"
#include "master/core/readmission.h"
#include "master/core/registry_gc.h"
#include "master/core/removals.h"
#include "master/core/validation.h"

namespace tepui::master {

namespace {

using Channel = std::optional<std::uint64_t>;

void send_unbound(Turn& turn, LinkId link, Channel channel, const AgentId& id,
                  link::ToAgent frame) {
    frame.set_agent_id(id.value);
    if (channel) frame.set_channel(*channel);
    turn.effects.emplace_back(
        SendToAgent{link, std::make_shared<const link::ToAgent>(std::move(frame))});
}

void refuse_agent(Turn& turn, LinkId link, Channel channel, const AgentId& id,
                  const std::string& why) {
    turn.log(Severity::warning, "Refusing agent {}: {}", id.empty() ? AgentId{"without id"} : id,
             why);
    link::ToAgent frame;
    frame.mutable_shutdown_agent()->set_message(why);
    send_unbound(turn, link, channel, id, std::move(frame));
}

// What the agent says of its address counts more than where its connection seems to come from,
// which several agents of a machine share.
std::string told_ip(const std::string& told, const std::string& peer_ip) {
    constexpr std::size_t longest = 45;  // An IPv6 address with an embedded IPv4 one.
    const bool plain = std::ranges::all_of(told, [](char c) {
        return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':';
    });
    return told.empty() || told.size() > longest || !plain ? peer_ip : told;
}

Result<void> validate_info(const mesos::v1::AgentInfo& info) {
    if (info.hostname().empty()) return fail(Errc::invalid_argument, "The agent has no hostname");
    if (info.port() <= 0 || info.port() > 65535) {
        return fail(Errc::invalid_argument, "Port {} of agent {} is not a port", info.port(),
                    info.hostname());
    }
    const auto parsed = Resources::parse(info.resources());
    if (!parsed) {
        return fail_with(fmt::format("Resources of agent {}", info.hostname()), parsed.error());
    }
    if (!(*parsed == parsed->unallocated())) {
        return fail(Errc::invalid_argument,
                    "Resources of agent {}: what an agent has is not allocated to a role yet, as "
                    "'{}' says",
                    info.hostname(), parsed->to_string());
    }
    return {};
}

double ping_timeout_seconds(const CoreConfig& config) {
    return seconds(config.agent_ping_timeout) * config.max_agent_ping_timeouts;
}

template <typename Answer>
void fill_answer(const State& state, const AgentId& id, Answer& answer) {
    answer.mutable_agent_id()->set_value(id.value);
    answer.set_epoch(state.epoch);
    answer.set_ping_timeout_seconds(ping_timeout_seconds(state.config));
    answer.set_master_id(state.info.id());
    if (state.info.has_hostname()) answer.set_master_hostname(state.info.hostname());
}

void answer_registered(Turn& turn, LinkId link, Channel channel, const AgentId& id) {
    link::ToAgent frame;
    fill_answer(turn.state, id, *frame.mutable_agent_registered());
    send_unbound(turn, link, channel, id, std::move(frame));
}

void answer_reregistered(Turn& turn, const AgentStored& stored) {
    link::ToAgent frame;
    auto& answer = *frame.mutable_agent_reregistered();
    fill_answer(turn.state, stored.agent, answer);
    for (const FrameworkId& id : ended_frameworks_of(turn.state, *stored.reregister)) {
        answer.add_completed_frameworks()->set_value(id.value);
    }
    send_unbound(turn, stored.link, stored.channel, stored.agent, std::move(frame));
}

void store(Turn& turn, AgentStored stored, WallTime registered_at) {
    const AgentId id = stored.agent;
    const LinkId link = stored.link;
    std::string record =
        encode_agent_in_use(turn.state, stored.info, stored.version, registered_at, std::nullopt);
    const PersistToken token =
        turn.persist({{agent_key(id), std::move(record)}}, std::move(stored));
    turn.state.links[link].registering.insert(token);
    turn.state.pending.newest_registration.insert_or_assign(id, token);
}

bool same_info(const mesos::v1::AgentInfo& a, const mesos::v1::AgentInfo& b) {
    return a.SerializeAsString() == b.SerializeAsString();
}

// Whether the registry holds the agent as admitted with this very info: nothing to write then.
bool is_stored(const State& state, const AgentId& id, const mesos::v1::AgentInfo& info) {
    if (state.pending.newest_registration.contains(id)) return false;
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        const Agent& agent = it->second;
        return !agent.marking_unreachable && !agent.removing && same_info(*agent.info, info);
    }
    const auto it = state.recovered_agents.find(id);
    return it != state.recovered_agents.end() && !it->second.marking_unreachable &&
           same_info(*it->second.info, info);
}

WallTime known_since(const Turn& turn, const AgentId& id) {
    const State& state = turn.state;
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        return it->second.registered_at;
    }
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end()) {
        return it->second.registered_at;
    }
    return turn.now.wall;
}

void bind(Turn& turn, Agent& agent, const AgentStored& stored) {
    unbind_agent(turn, agent);
    agent.link = stored.link;
    agent.channel = stored.channel;
    Link& link = turn.state.links[stored.link];
    link.agents.insert(agent.id);
    if (!stored.reregister) link.registered_channels.insert_or_assign(stored.channel, agent.id);
}

void take_address(Turn& turn, Agent& agent) {
    auto& by_address = turn.state.agents_by_address;
    const std::string address = agent_address(*agent.info);
    const auto it = by_address.find(address);
    if (it == by_address.end()) {
        by_address.emplace(address, agent.id);
        return;
    }
    if (it->second == agent.id) return;
    const AgentId old = std::exchange(it->second, agent.id);
    if (Agent* replaced = turn.find_agent(old)) {
        begin_removal(turn, *replaced,
                      fmt::format("Agent {} registered from the same address", agent.id),
                      "slave_removals/reason_registered");
    }
}

void describe(Turn& turn, Agent& agent, AgentStored& stored) {
    agent.info = std::make_shared<const mesos::v1::AgentInfo>(std::move(stored.info));
    agent.version = std::move(stored.version);
    agent.capabilities = std::move(stored.capabilities);
    agent.ip = std::move(stored.peer_ip);
    agent.last_seen = turn.now.instant;
    agent.missed_pongs = 0;
    agent.marking_unreachable = false;
    agent.removing = false;
    cancel_unreachable(turn, agent.id);
    turn.state.timers.cancel({TimerKey::Kind::agent_reregister, agent.id.value});
    turn.changed(agent.id);
}

Resources reported_total(const AgentStored& stored) {
    const auto total =
        stored.reregister ? total_of(*stored.reregister) : total_of(stored.info, ResourceList{});
    return total.value_or(Resources{});  // It was judged when it came.
}

// The agent was not registered with this master: its account is opened with what it brings.
void enter(Turn& turn, AgentStored stored) {
    State& state = turn.state;
    const bool was_lost = state.unreachable_agents.contains(stored.agent) ||
                          state.removed_agents.contains(stored.agent);
    if (state.removed_agents.erase(stored.agent) > 0) std::erase(state.removed_order, stored.agent);
    const WallTime since = known_since(turn, stored.agent);
    state.recovered_agents.erase(stored.agent);
    state.unreachable_agents.erase(stored.agent);
    Agent& agent = state.agents[stored.agent];
    agent.id = stored.agent;
    agent.registered_at = since;
    agent.deactivated = state.deactivated_agents.contains(agent.id);
    const auto reregister = stored.reregister;
    agent.total = reported_total(stored);
    bind(turn, agent, stored);
    describe(turn, agent, stored);
    if (reregister) agent.reregistered_at = turn.now.wall;
    publish_agent_added(turn, agent);  // Before the tasks that it brings.
    if (reregister) {
        readmit(turn, agent, *reregister, {.was_registered = false, .was_lost = was_lost});
        readmit_operations(turn, agent, *reregister);
    }
    open_account(turn, agent);
    if (agent.deactivated) state.allocator->deactivate_agent(agent.id);
    take_address(turn, agent);
    place_on_machine(turn, agent);
    update_watch(state, agent.id);
}

// The agent was registered all along: its connection was new, or it restarted.
void reenter(Turn& turn, Agent& agent, AgentStored stored) {
    const auto reregister = stored.reregister;
    Resources total = reported_total(stored);
    // While the connection lasts this master knows better: what it sends is not in the report.
    const bool same_link = agent.link == stored.link;
    bind(turn, agent, stored);
    const std::string old_address = agent_address(*agent.info);
    describe(turn, agent, stored);
    if (old_address != agent_address(*agent.info)) {
        turn.state.agents_by_address.erase(old_address);
    }
    agent.reregistered_at = turn.now.wall;
    // What it said of revocable resources holds until it says otherwise.
    total += agent.oversubscribed;
    if (!same_link && !(total == agent.total)) {
        rescind_offers_on(turn, agent);
        set_total(turn, agent, std::move(total));
    }
    readmit(turn, agent, *reregister, {.was_registered = true, .was_lost = false});
    if (!same_link) readmit_operations(turn, agent, *reregister);
    if (agent.active()) turn.state.allocator->activate_agent(agent.id);
    take_address(turn, agent);
    place_on_machine(turn, agent);
}

void admit(Turn& turn, AgentStored stored) {
    const AgentId id = stored.agent;
    const auto reregister = stored.reregister;
    const LinkId link = stored.link;
    const Channel channel = stored.channel;
    turn.log(Severity::info, "Agent {} ({}) {}", id, stored.info.hostname(),
             reregister ? "registered again" : "registered");
    if (reregister) {
        turn.count("slave_reregistrations");
        answer_reregistered(turn, stored);
    } else {
        turn.count("slave_registrations");
        answer_registered(turn, link, channel, id);
    }
    if (Agent* known = turn.find_agent(id)) {
        reenter(turn, *known, std::move(stored));
    } else {
        enter(turn, std::move(stored));
    }
    if (reregister) catch_up(turn, turn.state.agents.at(id), *reregister);
    on_ping_due(turn, id);
}

}  // namespace

void on_register_agent(Turn& turn, LinkId link, Channel channel, link::RegisterAgent frame,
                       const std::string& peer_ip) {
    turn.count("messages_register_slave");
    State& state = turn.state;
    if (state.pending.registrations.contains({link, channel})) return;  // Answered once stored.
    if (const auto it = state.links.find(link); it != state.links.end()) {
        const auto known = it->second.registered_channels.find(channel);
        if (known != it->second.registered_channels.end()) {
            answer_registered(turn, link, channel, known->second);
            return;
        }
    }
    auto valid = validate_info(frame.agent());
    if (valid) valid = validate_agent_version(frame.version());
    if (!valid) return refuse_agent(turn, link, channel, {}, valid.error().text);
    if (const auto over = over_attribute_limit(state.config.limits, frame.agent())) {
        turn.count(over->counter);
        return refuse_agent(turn, link, channel, {}, over->error.text);
    }
    const std::string ip = told_ip(frame.ip(), peer_ip);
    if (const auto why = machine_obstacle(state, frame.agent().hostname(), ip)) {
        return refuse_agent(turn, link, channel, {}, *why);
    }
    const AgentId id{fmt::format("{}-S{}", state.info.id(), state.next_agent++)};
    AgentStored stored{link,
                       channel,
                       id,
                       ip,
                       std::move(*frame.mutable_agent()),
                       frame.version(),
                       {frame.capabilities().begin(), frame.capabilities().end()},
                       nullptr};
    stored.info.mutable_id()->set_value(id.value);
    state.pending.registrations.emplace(std::pair{link, channel}, id);
    store(turn, std::move(stored), turn.now.wall);
}

void on_reregister_agent(Turn& turn, LinkId link, Channel channel, AgentId id,
                         link::ReregisterAgent frame, const std::string& peer_ip) {
    turn.count("messages_reregister_slave");
    State& state = turn.state;
    if (id.empty() || frame.agent().id().value() != id.value) {
        turn.log(Severity::warning, "Ignoring a registration of agent {} in the name of {}",
                 frame.agent().id().value(), id);
        return;
    }
    if (const auto valid = validate_info(frame.agent()); !valid) {
        return refuse_agent(turn, link, channel, id, valid.error().text);
    }
    if (const auto valid = validate_agent_version(frame.version()); !valid) {
        // Not shut down: an agent that was put back by a version goes on with its tasks, and comes
        // again when it was put forward.
        turn.log(Severity::warning, "Ignoring agent {}: {}", id, valid.error().text);
        return;
    }
    if (const auto total = total_of(frame); !total) {
        turn.log(Severity::warning, "Ignoring agent {}: {}", id, total.error().text);
        return;
    }
    if (const auto over = over_attribute_limit(state.config.limits, frame.agent())) {
        // Not shut down, for its tasks' sake: it comes again, until one of the two is changed.
        turn.count(over->counter);
        turn.log(Severity::warning, "Ignoring agent {}: {}", id, over->error.text);
        return;
    }
    if (state.gone_agents.contains(id)) {
        return refuse_agent(turn, link, channel, id, "Agent has been marked gone");
    }
    if (state.pending.gone_requests.contains(id)) return;  // It is refused once that is stored.
    const std::string ip = told_ip(frame.ip(), peer_ip);
    if (const auto why = machine_obstacle(state, frame.agent().hostname(), ip)) {
        return refuse_agent(turn, link, channel, id, *why);
    }
    if (const Agent* known = turn.find_agent(id)) {
        const bool moved = agent_address(*known->info) != agent_address(frame.agent()) ||
                           (!known->ip.empty() && !ip.empty() && known->ip != ip);
        if (moved) {  // A copied work directory, or a machine that got another name or address.
            return refuse_agent(
                turn, link, channel, id,
                fmt::format("Agent {} is registered from {} ({}), so the one at {} ({}) may not "
                            "use its id. If its work directory is a copy, remove the directory "
                            "'meta' in it; if the machine was renamed, wait until the agent counts "
                            "as unreachable",
                            id, agent_address(*known->info), known->ip,
                            agent_address(frame.agent()), ip));
        }
    }
    AgentStored stored{link,
                       channel,
                       id,
                       ip,
                       frame.agent(),
                       frame.version(),
                       {frame.capabilities().begin(), frame.capabilities().end()},
                       nullptr};
    stored.reregister = std::make_shared<const link::ReregisterAgent>(std::move(frame));
    if (is_stored(state, id, stored.info)) {
        admit(turn, std::move(stored));
    } else {
        on_agent_returning(turn, id);
        const WallTime since = known_since(turn, id);
        store(turn, std::move(stored), since);
    }
}

void on_agent_stored(Turn& turn, PersistToken token, AgentStored stored) {
    PendingWrites& pending = turn.state.pending;
    if (const auto it = turn.state.links.find(stored.link); it != turn.state.links.end()) {
        it->second.registering.erase(token);
        if (it->second.empty()) turn.state.links.erase(it);
    }
    const auto newest = pending.newest_registration.find(stored.agent);
    if (newest == pending.newest_registration.end() || newest->second != token) {
        // Its connection broke, or a newer registration is on the way. An id that no agent was told
        // must leave nothing behind.
        if (!stored.reregister) turn.persist({{agent_key(stored.agent), {}}}, NothingWaits{});
        return;
    }
    pending.newest_registration.erase(newest);
    if (!stored.reregister) pending.registrations.erase({stored.link, stored.channel});
    admit(turn, std::move(stored));
}

void recover_agent(Turn& turn, const registry::AgentRecord& record) {
    State& state = turn.state;
    const AgentId id{record.agent().id().value()};
    auto info = std::make_shared<const mesos::v1::AgentInfo>(record.agent());
    if (record.has_gone_since_nanoseconds()) {
        state.gone_agents.emplace(id, WallTime{Duration{record.gone_since_nanoseconds()}});
        arm_registry_gc(turn);
        return;
    }
    if (record.deactivated()) state.deactivated_agents.insert(id);
    if (record.has_drain()) state.drains.insert_or_assign(id, record.drain());
    if (record.has_unreachable_since_nanoseconds()) {
        state.unreachable_agents.emplace(
            id, UnreachableAgent{std::move(info),
                                 WallTime{Duration{record.unreachable_since_nanoseconds()}}});
        arm_registry_gc(turn);
        return;
    }
    state.recovered_agents.emplace(
        id, RecoveredAgent{std::move(info), record.version(),
                           WallTime{Duration{record.registered_at_nanoseconds()}}});
    ++state.recovered_at_start;
    state.timers.set({TimerKey::Kind::recovery, ""},
                     turn.now.instant + state.config.agent_reregister_timeout);
}

}  // namespace tepui::master
