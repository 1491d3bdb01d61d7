#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "coord/store.h"
#include "daemon/batch_thread.h"
#include "daemon/timings.h"
#include "env/clock.h"
#include "master/change_source.h"
#include "master/core/core.h"

namespace tepui::master {

/// Where the effects of the core that leave the process go. Called on the loop's thread, in the
/// order of the effects; must hand over and return.
class Outlets {
public:
    virtual ~Outlets() = default;
    virtual void send_to_scheduler(const StreamId& stream,
                                   std::shared_ptr<const mesos::v1::scheduler::Event> event) = 0;
    virtual void close_scheduler(const StreamId& stream) = 0;
    virtual void send_to_agent(LinkId link, std::shared_ptr<const link::ToAgent> frame) = 0;
    virtual void close_agent_link(LinkId link) = 0;
    virtual void log(Severity severity, const std::string& text) = 0;
    /// A batch of events was stepped through; `state` may be read until this returns, and till
    /// publish() does. `changes` is the loop's, for good.
    virtual void batch_ended(const State& state, const ChangeSource& changes) = 0;
    /// What operators are told of the batch that just ended; after batch_ended(). Gives whether
    /// anybody wants to hear of the next one.
    virtual bool publish(OperatorEvents events) {
        static_cast<void>(events);
        return false;
    }
    /// The core wants no part in what is any more: the process has to end with this text.
    virtual void must_end(const Error& error) { store_failed(error); }
    /// The store failed: what is on the disk is unknown, the process has to end.
    virtual void store_failed(const Error& error) = 0;
};

/// How much the loop did since its start; read from any thread.
struct LoopStats {
    std::uint64_t events = 0;
    std::uint64_t batches = 0;
    std::uint64_t commits = 0;
    std::uint64_t queued = 0;           // Events now waiting.
    std::uint64_t commits_waiting = 0;  // Given to the store and not yet durable.
    daemon::Timings store_ms;           // Durations of commits.
    std::uint64_t allocation_runs = 0;
    daemon::Timings allocation_ms;          // How long they took, with what else was due.
    daemon::Timings allocation_latency_ms;  // How long what became free waited for them.
};

/// What operators ask about machines and agents that are to rest.
using MaintenanceRequest = std::variant<MaintenanceScheduleRequested, MachinesRequested,
                                        DrainRequested, DrainCancelRequested>;

/// The one thread that owns the core. Events are posted from any thread, stepped in batches, and
/// the writes of one batch go to the store as one commit.
class CoreLoop {
public:
    CoreLoop(std::unique_ptr<Core> core, std::unique_ptr<coord::Store> store,
             const env::Clock& clock, Outlets& outlets);
    ~CoreLoop();  // Stops.

    void start();
    /// Ends the thread after the running batch, and waits until what was committed is written.
    /// What waits in the queue is answered with cancelled. Idempotent.
    void stop();

    void post(Event event);
    void post(std::vector<Event> events);
    /// Judges a call (Core::check_call) and, if it passes, steps it; `done` gets the judgement.
    void post_call(mesos::v1::scheduler::Call call, std::optional<StreamId> stream,
                   std::function<void(Result<void>)> done);
    /// Tears a framework down; `done` gets the core's answer.
    void post_teardown(FrameworkId framework, std::function<void(Result<void>)> done);
    /// Kills one task of any framework; `done` gets not_found when none such runs.
    void post_kill(FrameworkId framework, TaskId task, std::optional<mesos::v1::KillPolicy> policy,
                   std::function<void(Result<void>)> done);
    /// Marks an agent gone for ever; `done` gets not_found when it is not known, unavailable when
    /// it is just changing.
    void post_mark_gone(AgentId agent, std::function<void(Result<void>)> done);
    /// Deactivates or reactivates an agent; `done` gets not_found, conflict or unavailable
    /// (deactivation.h).
    void post_deactivation(AgentId agent, bool deactivated, std::function<void(Result<void>)> done);
    /// Sets weights of roles; `done` gets invalid_argument for a bad role or weight.
    void post_weights(std::vector<mesos::v1::WeightInfo> infos,
                      std::function<void(Result<void>)> done);
    /// Sets bands of top-level roles; `done` gets invalid_argument for a role that is none.
    void post_priorities(std::map<std::string, std::int32_t> priorities,
                         std::function<void(Result<void>)> done);
    /// Sets or removes quotas of roles; `done` gets invalid_argument or conflict (quota.h).
    void post_quota(QuotaUpdateRequested wanted, std::function<void(Result<void>)> done);
    /// Reserves, unreserves, creates, destroys, grows or shrinks on an agent; `done` gets
    /// invalid_argument, not_found for an unknown agent, conflict when it has not what is taken.
    void post_operation(OperationRequested wanted, std::function<void(Result<void>)> done);
    /// Plans maintenance or drains agents; `done` gets what maintenance.h and drain.h say.
    void post_maintenance(MaintenanceRequest wanted, std::function<void(Result<void>)> done);
    /// Takes offers back, all or none; `done` gets not_found, naming those not outstanding.
    void post_rescind(std::set<OfferId> offers, std::function<void(Result<void>)> done);
    /// Ends a batch soon even without events, so that Outlets::batch_ended() runs.
    void wake();

    /// Core::recovered(), as of the last batch.
    bool recovered() const { return recovered_.load(std::memory_order_acquire); }
    LoopStats stats() const;

private:
    struct CallItem {
        mesos::v1::scheduler::Call call;
        std::optional<StreamId> stream;
        std::function<void(Result<void>)> done;
    };
    /// An operator's request; the loop gives it its token.
    struct RequestItem {
        std::variant<TeardownRequested, KillRequested, MarkAgentGoneRequested,
                     DeactivationRequested, WeightsUpdateRequested, QuotaUpdateRequested,
                     OperationRequested, MaintenanceScheduleRequested, MachinesRequested,
                     DrainRequested, DrainCancelRequested, PrioritiesUpdateRequested,
                     OffersRescindRequested>
            event;
        std::function<void(Result<void>)> done;
    };
    struct WakeItem {};
    using Item = std::variant<Event, CallItem, RequestItem, WakeItem>;

    void push(Item item);
    static void refuse(Item& item, const Error& why);
    void take(std::deque<Item> batch);
    void handle(Item item);
    void step(Event event);
    void do_what_is_due();
    void note_allocation(Instant begin);
    void perform(Effects effects);
    void perform(Effect& effect);
    void commit();
    void end_batch();
    bool failed() const;

    std::unique_ptr<Core> core_;
    const ChangeSource changes_;
    std::unique_ptr<coord::Store> store_;
    const env::Clock& clock_;
    Outlets& outlets_;

    daemon::BatchThread<Item> thread_;

    mutable std::mutex mutex_;
    bool failed_ = false;  // The store failed, or the core ended: nothing is stepped any more.
    LoopStats stats_;

    // Of the running batch; the loop's thread only.
    std::vector<PersistToken> tokens_;
    std::vector<coord::Write> writes_;
    std::map<RequestToken, std::function<void(Result<void>)>> requests_;
    std::uint64_t last_request_ = 0;
    Instant offers_due_{};  // Offers that are owed are not made before.
    std::optional<Instant> offers_owed_since_;

    std::atomic<bool> recovered_{false};
};

}  // namespace tepui::master
