#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/core/core.h"
#include "master/core/registry_codec.h"
#include "master/core/state.h"

namespace tepui::master::testing {

using SchedulerEvent = mesos::v1::scheduler::Event;
using SchedulerCall = mesos::v1::scheduler::Call;

/// A shell without I/O around a Core: keeps the registry in memory, collects what goes out, and
/// holds the clock. Every step checks the ledger against a recount.
class FakeShell {
public:
    struct Options {
        CoreConfig config = {};
        bool persist_at_once = true;  // Else persist() completes the writes.
        bool led = true;              // The epoch is made durable at once.
        bool check_ledger = true;     // After each step; costs as much as the cluster is large.
    };

    FakeShell();
    explicit FakeShell(Options options);

    Core& core() { return *core_; }
    const State& state() const { return core_->state(); }
    const CoreConfig& config() const { return options_.config; }
    const std::map<std::string, std::string>& registry() const { return registry_; }
    void set_registry(std::string key, std::string value);

    // Time.
    Now now() const { return {instant_, wall_}; }
    /// Moves both clocks on and ticks at every deadline on the way.
    void pass(Duration span);
    /// Only the wall clock jumps.
    void jump_wall(Duration span) { wall_.since_epoch += span; }

    // Writes.
    void hold_writes() { options_.persist_at_once = false; }
    /// Completes the oldest held write; false when there is none.
    bool persist_one();
    void persist_all();
    std::size_t held_writes() const { return writes_.size(); }

    /// The process dies: what was not persisted is lost, and all connections are. A new one starts
    /// from the registry, with another master id.
    void crash_and_restart();

    // Schedulers.
    StreamId subscribe(mesos::v1::FrameworkInfo info, std::vector<std::string> suppressed = {},
                       std::optional<std::string> principal = std::nullopt);
    void disconnect(const StreamId& stream);
    void call(const StreamId& stream, SchedulerCall call);
    /// The events on a stream since the last time.
    std::vector<SchedulerEvent> take_events(const StreamId& stream);
    bool closed(const StreamId& stream) const { return closed_streams_.contains(stream); }

    // Agents.
    LinkId open_link() { return LinkId{next_link_++}; }
    void frame(LinkId link, link::ToMaster frame, std::string peer_ip = "10.0.0.1");
    void close_link(LinkId link);
    /// Whether the core asked for the connection's end; close_link() is what then follows.
    bool closed(LinkId link) const { return closed_links_.contains(link); }
    std::vector<link::ToAgent> take_frames(LinkId link);

    RequestToken teardown(const FrameworkId& framework);
    RequestToken kill(const FrameworkId& framework, std::string_view task);
    RequestToken mark_gone(const AgentId& agent);
    RequestToken deactivate(const AgentId& agent);
    RequestToken reactivate(const AgentId& agent);
    RequestToken update_weights(const std::map<std::string, double>& weights);
    RequestToken update_quota(std::vector<mesos::v1::quota::QuotaConfig> configs,
                              bool force = false,
                              QuotaUpdateRequested::Only only = QuotaUpdateRequested::Only::any);
    RequestToken operate(const AgentId& agent, mesos::v1::Offer::Operation operation,
                         std::optional<std::string> principal = std::nullopt);
    void whitelist(std::optional<std::set<std::string>> hostnames);
    /// Any other request of an operator.
    template <typename Requested>
    RequestToken ask(Requested requested) {
        const RequestToken request{next_request_++};
        requested.request = request;
        step(std::move(requested));
        return request;
    }
    /// Why the core wants the process to end, once it does.
    const std::optional<std::string>& ended() const { return ended_; }
    const Result<void>* answer(RequestToken request) const;
    bool logged(std::string_view part) const;

private:
    void step(Event event);
    void perform(Effects effects);
    void begin();

    Options options_;
    std::unique_ptr<Core> core_;
    std::map<std::string, std::string> registry_;
    std::deque<PersistWrites> writes_;
    Instant instant_{std::chrono::hours{1}};
    WallTime wall_{std::chrono::seconds{1'700'000'000}};
    std::uint64_t next_master_ = 1;
    std::uint64_t next_stream_ = 1;
    std::uint64_t next_link_ = 1;
    std::uint64_t next_request_ = 1;
    std::map<StreamId, std::vector<SchedulerEvent>> events_;
    std::set<StreamId> closed_streams_;
    std::set<LinkId> closed_links_;
    std::map<LinkId, std::vector<link::ToAgent>> frames_;
    std::map<RequestToken, Result<void>> answers_;
    std::vector<std::string> log_;
    std::optional<std::string> ended_;
};

/// A scheduler on one stream.
struct FakeScheduler {
    FakeShell& shell;
    StreamId stream;
    FrameworkId id;

    std::vector<SchedulerEvent> take() { return shell.take_events(stream); }
    std::vector<SchedulerEvent> take(SchedulerEvent::Type type);
    /// The statuses of the UPDATE events since the last time; other events are lost.
    std::vector<mesos::v1::TaskStatus> updates();
    std::vector<mesos::v1::Offer> offers();
    /// The one offer there is now.
    mesos::v1::Offer offer();

    SchedulerCall make(SchedulerCall::Type type) const;
    void call(SchedulerCall call) { shell.call(stream, std::move(call)); }
    void accept(const std::vector<mesos::v1::Offer>& offers, std::vector<mesos::v1::TaskInfo> tasks,
                std::optional<double> refuse_seconds = std::nullopt);
    void operate(const mesos::v1::Offer& offer, mesos::v1::Offer::Operation operation);
    void decline(const mesos::v1::Offer& offer, std::optional<double> refuse_seconds);
    void kill(std::string_view task, std::string_view agent = {});
    void acknowledge(const mesos::v1::TaskStatus& status);
    void reconcile(std::string_view task = {}, std::string_view agent = {});
};

/// A registered agent.
struct FakeAgent {
    FakeShell& shell;
    LinkId link;
    AgentId id;
    mesos::v1::AgentInfo info;

    std::vector<link::ToAgent> take() { return shell.take_frames(link); }
    std::vector<link::ToAgent> take(link::ToAgent::MessageCase which);
    void send(link::ToMaster frame);
    void pong();
    /// Sends a status update with a new uuid; latest_state is `latest` or the same.
    void update(const FrameworkId& framework, std::string_view task, mesos::v1::TaskState state,
                std::optional<mesos::v1::TaskState> latest = std::nullopt);
    /// Registers again, over a new connection unless told otherwise.
    void reregister(const std::vector<mesos::v1::Task>& tasks,
                    const std::vector<mesos::v1::FrameworkInfo>& frameworks, bool restarted = false,
                    bool same_link = false);
};

mesos::v1::FrameworkInfo framework_info(std::string_view name = "test");
void add_capability(mesos::v1::FrameworkInfo& info,
                    mesos::v1::FrameworkInfo::Capability::Type type);
/// MULTI_ROLE, RESERVATION_REFINEMENT, PARTITION_AWARE, checkpointing, an hour to come back.
mesos::v1::FrameworkInfo modern_info(std::string_view role = "*");
/// Of one without capabilities.
mesos::v1::FrameworkInfo plain_info(bool checkpoint);
/// As the master has it.
mesos::v1::FrameworkInfo info_of(const FakeShell& shell, const FrameworkId& id);
mesos::v1::AgentInfo agent_info(std::string_view hostname = "node1",
                                std::string_view resources = "cpus:8;mem:1024");
mesos::v1::TaskInfo task_info(const mesos::v1::Offer& offer, std::string_view id,
                              std::string_view resources = "cpus:1;mem:128");
/// A task as an agent reports it.
mesos::v1::Task reported_task(const FrameworkId& framework, std::string_view id,
                              mesos::v1::TaskState state,
                              std::string_view resources = "cpus:1;mem:128");

/// The request was answered: with success, or with `code` and a text that has `part` in it.
void expect_answered(const FakeShell& shell, RequestToken request);
void expect_refused(const FakeShell& shell, RequestToken request, Errc code,
                    std::string_view part = "");
/// What the registry has of the agent.
registry::AgentRecord record_of(const FakeShell& shell, const AgentId& id);

FakeScheduler subscribe(FakeShell& shell, const mesos::v1::FrameworkInfo& info = modern_info());
FakeAgent register_agent(FakeShell& shell, const mesos::v1::AgentInfo& info = agent_info());
/// Launches one task on the scheduler's one offer and forgets the events and frames of it.
void launch(FakeScheduler& scheduler, FakeAgent& agent, std::string_view task,
            std::string_view resources = "cpus:1;mem:128");

}  // namespace tepui::master::testing
