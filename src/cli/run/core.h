#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "cli/run/matching.h"
#include "cli/run/spec.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::cli {

// What happens to a run.
struct EventCame {
    mesos::v1::scheduler::Event event;
};
/// The stream could not be opened or it ended. `error`: invalid_argument and denied end the run.
struct StreamLost {
    Error error;
};
/// A call other than SUBSCRIBE was answered with an error. The stream is of no use any more: what
/// the master thinks of this framework is not what the framework thinks.
struct CallRefused {
    mesos::v1::scheduler::Call::Type type;
    std::string text;
};
struct Interrupted {};
struct TimePassed {};
using RunEvent = std::variant<EventCame, StreamLost, CallRefused, Interrupted, TimePassed>;

// What the shell must do, in order.
/// Close the stream if one is open, and subscribe with this message.
struct Connect {
    mesos::v1::scheduler::Call subscribe;
};
struct SendCall {
    mesos::v1::scheduler::Call call;
};
/// Show the task's stdout and stderr, from `agent` ("ip:port"), until TaskEnded.
struct FollowLogs {
    std::size_t instance;
    TaskId task;
    FrameworkId framework;
    std::string agent;
};
/// Nothing more will be written to the task's logs; show what is left.
struct TaskEnded {
    TaskId task;
};
/// A line for standard error.
struct Note {
    std::string text;
};
/// Show what is left of the logs, tear the framework down if it has an id, and end.
struct Finish {
    int code;
    std::optional<FrameworkId> framework;
};
/// End with an error of the cluster's.
struct GiveUp {
    Error error;
    std::optional<FrameworkId> framework;
};
using RunEffect = std::variant<Connect, SendCall, FollowLogs, TaskEnded, Note, Finish, GiveUp>;
using RunEffects = std::vector<RunEffect>;

/// The deciding part of `tepui run`: a scheduler for one set of equal tasks that run once. Reads no
/// clock and does no I/O. After Finish or GiveUp it answers nothing more.
///
/// Duties of the caller: perform start()'s effects, then step() for each event, and
/// step(TimePassed{}) when next_deadline() is reached.
class RunCore {
public:
    RunCore(RunSpec spec, Instant now);

    RunEffects start(Instant now);
    RunEffects step(const RunEvent& event, Instant now);
    Instant next_deadline() const;

private:
    enum class Phase { pending, launched, running, done };
    struct Instance {
        Phase phase = Phase::pending;
        TaskId task;
        AgentId agent;
        std::string agent_address;
        unsigned attempts = 0;
        bool followed = false;
        int code = 0;
    };

    void on_event(const mesos::v1::scheduler::Event& event, Instant now);
    void on_subscribed(const mesos::v1::scheduler::Event::Subscribed& subscribed, Instant now);
    void on_offers(const mesos::v1::scheduler::Event::Offers& offers, Instant now);
    void on_update(const mesos::v1::TaskStatus& status, Instant now);
    void on_stream_lost(const Error& error, Instant now);
    void on_refused(const CallRefused& refused, Instant now);
    void on_interrupted(Instant now);
    void on_time(Instant now);

    void launch(const mesos::v1::Offer& offer, const Placement& placement);
    void decline(const std::vector<std::string>& offer_ids);
    void end_instance(Instance& instance, const mesos::v1::TaskStatus& status);
    bool relaunch(Instance& instance, const mesos::v1::TaskStatus& status);
    void begin_killing(int code, Instant now);
    void send_kills(Instant now);
    void finish_if_done();
    void explain_pending(Instant now);
    void acknowledge(const mesos::v1::TaskStatus& status);
    mesos::v1::scheduler::Call call(mesos::v1::scheduler::Call::Type type) const;
    mesos::v1::scheduler::Call subscribe_call() const;
    Instance* find(const std::string& task_id);
    std::size_t count(Phase phase) const;

    RunSpec spec_;
    std::vector<Instance> instances_;
    std::optional<FrameworkId> framework_;
    RunEffects effects_;
    bool connected_ = false;
    bool finished_ = false;
    bool suppressed_ = false;
    unsigned refusals_ = 0;
    std::optional<int> killing_code_;  // Set once the tasks are being killed by us.
    std::size_t offers_seen_ = 0;
    std::optional<Miss> nearest_miss_;
    std::string explained_;
    Duration backoff_;
    Duration silence_max_;
    Instant started_;
    Instant last_heard_;
    Instant connect_at_ = Instant::max();
    Instant kill_at_ = Instant::max();
    Instant give_up_at_ = Instant::max();  // Killing, and without a master.
    Instant explain_at_;
    Instant deadline_ = Instant::max();
};

}  // namespace tepui::cli
