#include "sim/world.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/core/operations.h"
#include "agent/core/state.h"
#include "master/core/state.h"
#include "master/core/tasks.h"
#include "resources/task_state.h"
#include "sim/operator_node.h"

namespace tepui::sim {
namespace {

class World {
public:
    World(std::uint64_t seed, const Scenario& scenario,
          std::function<void(const std::string&)> trace)
        : scenario_(scenario),
          timeline_(seed),
          network_(timeline_),
          master_(timeline_, truth_, scenario.faults),
          operator_(timeline_, master_, truth_, scenario_.faults,
                    names_of("agent", scenario.agents),
                    names_of("framework", scenario.frameworks)) {
        timeline_.on_trace = std::move(trace);
        for (int i = 0; i < scenario.agents; ++i) {
            agents_.push_back(std::make_unique<AgentNode>(
                fmt::format("agent{}", i), timeline_, network_, master_, truth_, scenario.faults));
        }
        for (int i = 0; i < scenario.frameworks; ++i) {
            frameworks_.push_back(std::make_unique<FrameworkNode>(
                fmt::format("framework{}", i), scenario, timeline_, network_, master_, truth_));
        }
    }

    Outcome run() {
        master_.start();
        for (auto& agent : agents_) agent->start();
        for (auto& framework : frameworks_) framework->start();
        trouble();
        timeline_.run_until(Instant{scenario_.chaos});
        calm();
        timeline_.run_until(Instant{scenario_.chaos + scenario_.settle});
        check_convergence();
        return {truth_.breaches(),
                static_cast<int>(truth_.asked().size()),
                truth_.starts(),
                truth_.called_off(),
                master_.preemption().kills(),
                timeline_.events_handled(),
                timeline_.fingerprint()};
    }

private:
    static std::vector<std::string> names_of(const char* kind, int count) {
        std::vector<std::string> names;
        for (int i = 0; i < count; ++i) names.push_back(fmt::format("{}{}", kind, i));
        return names;
    }

    /// Once a simulated second each fault gets its chance.
    void trouble() {
        if (calm_) return;
        const Faults& faults = scenario_.faults;
        if (timeline_.chance(faults.master_crash)) crash(master_);
        for (auto& agent : agents_) {
            if (timeline_.chance(faults.agent_crash)) crash(*agent);
            if (timeline_.chance(faults.agent_reboot)) {
                timeline_.trace("{} reboots", agent->name());
                agent->reboot();
                restart_later(*agent);
            }
        }
        for (auto& framework : frameworks_) {
            if (timeline_.chance(faults.framework_crash)) crash(*framework);
        }
        operator_.act();
        if (timeline_.chance(faults.connection_break)) network_.break_one();
        if (timeline_.chance(faults.partition)) partition();
        if (timeline_.chance(faults.slow_disk)) slow_disk();
        if (timeline_.chance(faults.clock_jump)) {
            timeline_.jump_wall_clock(
                timeline_.between(-std::chrono::hours{1}, std::chrono::hours{1}));
        }
        timeline_.after(1s, [this] { trouble(); });
    }

    template <typename Node>
    void crash(Node& node) {
        if (!node.alive()) return;
        timeline_.trace("{} crashes", node.name());
        node.crash();
        restart_later(node);
    }

    template <typename Node>
    void restart_later(Node& node) {
        timeline_.after(timeline_.between(0ms, scenario_.faults.down_longest), [&node] {
            if (!node.alive()) node.start();
        });
    }

    std::string random_name() {
        const std::uint64_t pick = timeline_.prng().below(agents_.size() + frameworks_.size());
        return pick < agents_.size() ? agents_[pick]->name()
                                     : frameworks_[pick - agents_.size()]->name();
    }

    void partition() {
        const std::string name = random_name();
        const std::uint64_t ways = 1 + timeline_.prng().below(3);
        timeline_.trace("{} is partitioned: {}", name, ways);
        network_.partition(name, (ways & 1) != 0, (ways & 2) != 0);
        timeline_.after(timeline_.between(1s, scenario_.faults.partition_longest), [this, name] {
            timeline_.trace("{} is healed", name);
            network_.heal(name);
        });
    }

    void slow_disk() {
        const std::uint64_t pick = timeline_.prng().below(agents_.size() + 1);
        Disk& disk = pick == agents_.size() ? master_.disk() : agents_[pick]->disk();
        disk.set_slow(true);
        timeline_.after(timeline_.between(1s, 10s), [&disk] { disk.set_slow(false); });
    }

    void calm() {
        timeline_.trace("calm");
        calm_ = true;
        master_.stop_faults();
        for (auto& agent : agents_) agent->stop_faults();
        for (auto& framework : frameworks_) framework->quiesce();
        const auto heal = [this](const auto& node) { network_.heal(node->name()); };
        std::ranges::for_each(agents_, heal);
        std::ranges::for_each(frameworks_, heal);
        tidy();
    }

    void tidy() {
        operator_.tidy();
        timeline_.after(1s, [this] { tidy(); });
    }

    void check_convergence() {
        if (!master_.alive()) {
            truth_.breach("I14: the master is not up");
            return;
        }
        const master::State& state = master_.core().state();
        std::set<TaskKey> running;
        for (const auto& agent : agents_) {
            check_agent(state, *agent);
            running.merge(agent->running());
        }
        for (const auto& framework : frameworks_) check_framework(state, *framework, running);
        check_nothing_grows(state);
    }

    /// After the calm nobody waits for anything: what a fault began and nobody ended shows here.
    void check_nothing_grows(const master::State& state) {
        const auto most = [this](const char* what, std::size_t size, std::size_t limit) {
            if (size > limit)
                truth_.breach(
                    fmt::format("I9: {} {} are left, at most {} make sense", size, what, limit));
        };
        most("links", state.links.size(), agents_.size());
        most("streams", state.streams.size(), frameworks_.size());
        most("continuations", state.pending.continuations.size(), 0);
        most("subscriptions under way",
             state.pending.subscriptions.size() + state.pending.subscription_streams.size(), 0);
        most("registrations under way",
             state.pending.registrations.size() + state.pending.newest_registration.size(), 0);
        most("timers of the master", state.timers.size(),
             3 * state.agents.size() + 2 * state.frameworks.size() + state.offers.size());
        for (const auto& [id, framework] : state.frameworks) {
            if (!framework.connected()) continue;
            for (const auto& [task_id, task] : framework.tasks) {
                if (!is_terminal(task.info.state())) continue;
                truth_.breach(fmt::format("I5: {} is {} and never acknowledged", task_id,
                                          mesos::v1::TaskState_Name(task.info.state())));
            }
        }
        for (const auto& [id, agent] : state.agents)
            most("kills under way", agent.pending_kills.size(), 0);
        for (const auto& agent : agents_) {
            if (!agent->alive()) continue;
            const agent::State& own = agent->core().state();
            most("writes under way on an agent", own.after_writes.size(), 0);
            most("updates under way on an agent", own.streams.size(), own.containers.size());
            for (const auto& [task, stream] : own.streams)
                most("updates never acknowledged", stream.queue.size(), 0);
        }
    }

    void check_agent(const master::State& state, const AgentNode& agent) {
        if (!agent.alive() || !agent.core().state().id) {
            truth_.breach(fmt::format("I14: {} is not up and registered", agent.name()));
            return;
        }
        const auto known = state.agents.find(*agent.core().state().id);
        if (known == state.agents.end() || !known->second.connected()) {
            truth_.breach(fmt::format("I14: {} is not connected at the master", agent.name()));
            return;
        }
        check_plans(state, known->second);
        check_executors(known->second, agent);
        check_operations(known->second, agent);
        for (const TaskKey& task : agent.running()) {
            const auto owner = agent.core().state().frameworks.find(task.first);
            if (owner == agent.core().state().frameworks.end() ||
                !owner->second.tasks.contains(task.second)) {
                truth_.breach(fmt::format("I6: {} runs {} but its agent does not know it",
                                          agent.name(), task.second));
            }
            if (!known->second.tasks.contains(task)) {
                truth_.breach(fmt::format("I6: {} runs {} but the master does not know it",
                                          agent.name(), task.second));
            }
        }
    }

    /// No drain goes on for ever, and whoever holds something where maintenance is planned was
    /// asked to leave.
    void check_plans(const master::State& state, const master::Agent& agent) {
        const auto drain = state.drains.find(agent.id);
        if (drain != state.drains.end() && drain->second.state() != mesos::v1::DRAINED)
            truth_.breach(fmt::format("I14: {} still drains", agent.id));
        if (agent.unavailability == nullptr || !agent.active()) return;
        std::set<FrameworkId> asked;
        for (const OfferId& id : agent.inverse_offers)
            asked.insert(state.inverse_offers.at(id).framework);
        for (const auto& [id, resources] : agent.used) {
            const auto framework = state.frameworks.find(id);
            if (framework == state.frameworks.end() || !framework->second.connected() ||
                asked.contains(id) || framework->second.inverse_filters.contains(agent.id))
                continue;
            truth_.breach(fmt::format("I14: {} was not asked to leave {}", id, agent.id));
        }
    }

    /// The executors that run are those the agent and the master know, and are charged for.
    void check_executors(const master::Agent& known, const AgentNode& agent) {
        std::set<ExecutorKey> running;
        for (const auto& [key, launched_by] : agent.executors()) running.insert(key);
        std::set<ExecutorKey> charged;
        for (const auto& [framework, by_id] : known.executors) {
            for (const auto& [id, executor] : by_id) charged.emplace(framework, id);
        }
        std::set<ExecutorKey> owned;
        for (const auto& [framework, run] : agent.core().state().frameworks) {
            for (const auto& [id, executor] : run.executors) {
                if (executor.phase != agent::ExecutorPhase::ended) owned.emplace(framework, id);
            }
        }
        const auto same = [&](const std::set<ExecutorKey>& other, const char* whose) {
            for (const ExecutorKey& key : running) {
                if (other.contains(key)) continue;
                truth_.breach(
                    fmt::format("I6: executor {} of {} runs on {}, but its {} does not "
                                "know it",
                                key.second, key.first, agent.name(), whose));
            }
            for (const ExecutorKey& key : other) {
                if (running.contains(key)) continue;
                truth_.breach(fmt::format("I9: the {} keeps executor {} of {} on {}, which is gone",
                                          whose, key.second, key.first, agent.name()));
            }
        };
        same(owned, "agent");
        same(charged, "master");
    }

    /// Master and agent agree on what is reserved and kept, and wait for no word of each other.
    void check_operations(const master::Agent& known, const AgentNode& agent) {
        const Resources own = agent::total_resources(agent.core().state());
        if (!(known.total == own)) {
            truth_.breach(fmt::format("I2: {} has {}, but to the master it has {}", agent.name(),
                                      own.to_string(), known.total.to_string()));
        }
        const std::size_t left = known.operations.size() + agent.core().state().operations.size();
        if (left > 0)
            truth_.breach(fmt::format("I9: {} operations on {} are left", left, agent.name()));
    }

    /// Whether any machine goes by that id.
    bool borne(const AgentId& id) const {
        return std::ranges::any_of(agents_, [&](const auto& agent) {
            return agent->alive() && agent->core().state().id == id;
        });
    }

    void check_framework(const master::State& state, const FrameworkNode& framework,
                         const std::set<TaskKey>& running) {
        if (!framework.id()) {
            truth_.breach(fmt::format("I14: {} was never subscribed", framework.name()));
            return;
        }
        if (framework.ended() || !state.frameworks.contains(*framework.id())) {
            for (const TaskKey& task : running) {
                if (task.first == *framework.id()) {
                    truth_.breach(
                        fmt::format("I6: {} runs though its framework has ended", task.second));
                }
            }
            return;
        }
        if (!framework.subscribed())
            truth_.breach(fmt::format("I14: {} is not subscribed", framework.name()));
        for (const TaskKey& task : framework.in_doubt()) {
            // An agent that dies before it has stored the id it was given comes back under another
            // one: its first id, and what was sent to it, stays unreachable for ever (semantics 9).
            if (framework.believed(task.second) == "TASK_UNREACHABLE" &&
                !borne(framework.agent_of(task.second)))
                continue;
            truth_.breach(fmt::format("I4: {} has no settled word of {}: {}", framework.name(),
                                      task.second, framework.believed(task.second)));
        }
        for (const TaskKey& task : truth_.asked()) {
            if (task.first != *framework.id() || !scenario_.checkpoint) continue;
            const auto state_of = framework.state_of(task.second);
            const AgentId agent = framework.agent_of(task.second);
            if (state_of == mesos::v1::TASK_GONE_BY_OPERATOR && !truth_.was_called_gone(agent))
                truth_.breach(fmt::format("I5: to {} {} is gone, but its agent {} is not",
                                          framework.name(), task.second, agent));
            if (truth_.was_dismissed(agent) || truth_.was_called_gone(agent)) continue;
            if (!state_of || truth_.fits_the_end(task, *state_of)) continue;
            truth_.breach(fmt::format("I5: to {} {} is {}, but {}", framework.name(), task.second,
                                      framework.believed(task.second), truth_.end_of(task)));
        }
        const std::set<TaskKey> believed = framework.believed_running();
        for (const TaskKey& task : believed) {
            if (!running.contains(task))
                truth_.breach(fmt::format("I5: {} believes that {} runs, but it does not",
                                          framework.name(), task.second));
        }
        for (const TaskKey& task : running) {
            if (task.first == *framework.id() && !believed.contains(task)) {
                truth_.breach(fmt::format("I5: {} runs, but to {} it is {}", task.second,
                                          framework.name(), framework.believed(task.second)));
            }
        }
    }

    Scenario scenario_;
    Timeline timeline_;
    GroundTruth truth_;
    Network network_;
    MasterNode master_;
    OperatorNode operator_;
    std::vector<std::unique_ptr<AgentNode>> agents_;
    std::vector<std::unique_ptr<FrameworkNode>> frameworks_;
    bool calm_ = false;
};

}  // namespace

Outcome run(std::uint64_t seed, const Scenario& scenario,
            std::function<void(const std::string&)> trace) {
    return World{seed, scenario, std::move(trace)}.run();
}

Scenario scenario_of(std::uint64_t seed) {
    Scenario scenario;
    scenario.agents = 1 + static_cast<int>(seed % 4);
    scenario.frameworks = 1 + static_cast<int>(seed / 4 % 3);
    scenario.partition_aware = seed / 12 % 4 != 0;
    scenario.checkpoint = seed / 48 % 5 != 0;
    if (seed / 240 % 3 == 0) scenario.failover_timeout = 15s;
    scenario.sub_roles = seed / 5 % 2 == 0;
    // Every seventh world is quiet, to tell what faults cause from what happens anyway.
    if (seed % 7 == 0) scenario.faults = Faults::none();
    return scenario;
}

}  // namespace tepui::sim
