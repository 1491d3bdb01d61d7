#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/core/core.h"
#include "master/core/state.h"

namespace tepui::master::testing {

/// A shell without I/O around a Core that keeps the caller's duties whatever it is fed with, and
/// aborts as soon as the core breaks a promise. Unlike FakeShell it needs no test framework.
class FuzzWorld {
public:
    explicit FuzzWorld(CoreConfig config);

    const State& state() const { return core_->state(); }
    Now now() const { return {instant_, wall_}; }
    /// The core wanted the process to end: nothing may be fed any more.
    bool ended() const { return ended_; }

    // Schedulers. What the checks that answer 4xx refuse goes no further.
    void subscribe(mesos::v1::scheduler::Call call, const std::optional<std::string>& principal);
    void call(mesos::v1::scheduler::Call call, const std::optional<StreamId>& stream);
    void disconnect(std::size_t which);
    const std::deque<mesos::v1::TaskStatus>& told() const { return told_; }

    // Agents. A link that the core closed carries frames until its end is reported.
    LinkId open_link();
    const std::vector<LinkId>& links() const { return links_; }
    bool open(LinkId link) const { return std::ranges::find(links_, link) != links_.end(); }
    void frame(LinkId link, link::ToMaster frame);
    void close_link(std::size_t which);

    // Operators.
    void teardown(const FrameworkId& framework);
    void kill(const FrameworkId& framework, const TaskId& task,
              std::optional<mesos::v1::KillPolicy> policy);
    void mark_gone(const AgentId& agent);
    void deactivate(const AgentId& agent, bool deactivated);
    void weights(std::vector<mesos::v1::WeightInfo> infos);
    /// `only`: the number of a QuotaUpdateRequested::Only.
    void quotas(std::vector<mesos::v1::quota::QuotaConfig> configs, bool force, std::size_t only);
    void whitelist(std::optional<std::set<std::string>> hostnames);
    void schedule(mesos::v1::maintenance::Schedule schedule);
    void machines(std::vector<mesos::v1::MachineID> machines, bool down);
    void drain(const AgentId& agent, mesos::v1::DrainConfig config);
    void cancel_drain(const AgentId& agent);
    void operate(const AgentId& agent, mesos::v1::Offer::Operation operation);
    void publish(bool wanted) { core_->publish_events(wanted); }
    void take_what_readers_take();

    // Time and disk.
    void pass(Duration span);
    /// Ticks at the next deadline, if there is one.
    void pass_to_deadline();
    void jump_wall(Duration span) { wall_.since_epoch += span; }
    void offers_owed(bool owed) { owed_ = owed; }
    void hold_writes(bool held);
    void persist_one();
    void persist_all();
    /// The process dies, and another one reads what was stored.
    void restart();
    /// Persists all and looks whether every request was answered.
    void finish();

private:
    void begin();
    void step(Event event);
    void perform(Effects effects);
    void perform(Effect& effect);
    void check() const;
    RequestToken new_request();

    const CoreConfig config_;
    std::unique_ptr<Core> core_;
    std::map<std::string, std::string> registry_;
    std::deque<PersistWrites> writes_;
    bool writes_held_ = false;
    bool owed_ = false;
    bool ended_ = false;
    Instant instant_{std::chrono::hours{1}};
    WallTime wall_{std::chrono::seconds{1'700'000'000}};
    unsigned masters_ = 0;
    std::uint64_t last_stream_ = 0;
    std::uint64_t last_link_ = 0;
    std::uint64_t last_request_ = 0;
    std::vector<StreamId> streams_;  // Whose end was not reported.
    std::set<StreamId> closed_streams_;
    std::vector<LinkId> links_;
    std::set<LinkId> closed_links_;
    std::set<RequestToken> unanswered_;
    std::deque<mesos::v1::TaskStatus> told_;  // The last few that want to be acknowledged.
};

}  // namespace tepui::master::testing
