#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "mesos/v1/scheduler/scheduler.pb.h"
#include "sim/channel.h"
#include "sim/ground_truth.h"
#include "sim/master_node.h"
#include "sim/network.h"
#include "sim/timeline.h"

namespace tepui::sim {

/// A scheduler as a careful author would write one against the v1 API: it remembers what it asked
/// for before it asks, acknowledges what it has taken in, reconciles after each subscription and
/// again until answered, never uses an id twice, and comes back with its id after a crash.
class FrameworkNode {
public:
    FrameworkNode(std::string name, Scenario scenario, Timeline& timeline, Network& network,
                  MasterNode& master, GroundTruth& truth);

    void start();
    void crash();
    bool alive() const { return alive_; }
    const std::string& name() const { return name_; }
    const std::optional<FrameworkId>& id() const { return id_; }
    /// The master said that this framework has ended.
    bool ended() const { return ended_; }
    bool subscribed() const { return stream_.has_value(); }
    /// No new launches or kills from now on.
    void quiesce() { quiet_ = true; }

    /// Tasks the framework believes to run, and those it has no word of yet.
    std::set<TaskKey> believed_running() const;
    std::set<TaskKey> in_doubt() const;
    /// The state told last, for people: "TASK_LOST", or "none".
    std::string believed(const TaskId& task) const;
    std::optional<mesos::v1::TaskState> state_of(const TaskId& task) const;
    /// Whose offer it was launched on.
    AgentId agent_of(const TaskId& task) const;

private:
    static constexpr double pod_disk_mb = 32;
    struct Task {
        std::optional<mesos::v1::TaskState> state;  // As told last.
        mesos::v1::AgentID agent;
        std::string executor;  // Of its own; "" for a command task.
        bool unknown = false;  // It was told so.
    };

    void connect();
    void on_record(const std::string& bytes);
    void on_event(const mesos::v1::scheduler::Event& event);
    void on_offers(const mesos::v1::scheduler::Event::Offers& offers);
    void on_update(const mesos::v1::TaskStatus& status);
    void accept(const mesos::v1::Offer& offer);
    mesos::v1::TaskInfo make_task(const mesos::v1::Offer& offer);
    /// Gives the task one of a few executors, which other tasks may have too.
    double give_executor(const mesos::v1::Offer& offer, mesos::v1::TaskInfo& task);
    void add_tasks(const mesos::v1::Offer& offer, double cpus,
                   mesos::v1::Offer::Operation& operation);
    void add_pod(const mesos::v1::Offer& offer, double cpus,
                 mesos::v1::Offer::Operation& operation);
    void speak_to_executors();
    /// Reserves, unreserves, makes or destroys; gives a volume that the launch may use.
    std::optional<mesos::v1::Resource> add_operations(const mesos::v1::Offer& offer,
                                                      mesos::v1::scheduler::Call::Accept& accept);
    mesos::v1::Offer::Operation& add_operation(mesos::v1::scheduler::Call::Accept& accept,
                                               mesos::v1::Offer::Operation::Type type);
    void on_operation_status(const mesos::v1::OperationStatus& status);
    void answer(const mesos::v1::scheduler::Event::InverseOffers& offers);
    void decline(const mesos::v1::Offer& offer);
    void reconcile();
    void housekeeping();
    void call(mesos::v1::scheduler::Call call);
    void lose_stream();
    std::set<TaskKey> tasks_that(bool (*wanted)(const Task&)) const;

    std::string name_;
    Scenario scenario_;
    Timeline& timeline_;
    Network& network_;
    MasterNode& master_;
    GroundTruth& truth_;
    wire::Media media_;
    const bool demands_;  // Offers with a whole cpu, else none.

    // What the author would keep in a database.
    std::optional<FrameworkId> id_;
    std::map<std::string, Task> tasks_;
    int next_task_ = 0;
    int next_group_ = 1;
    int next_operation_ = 0;
    std::optional<mesos::v1::Resource> volume_;  // For the next task.
    bool ended_ = false;

    bool alive_ = false;
    bool quiet_ = false;
    std::uint64_t life_ = 0;
    Instant last_arrival_;  // Of the newest call at the master.
    std::shared_ptr<Channel> channel_;
    std::optional<StreamId> stream_;      // Set by SUBSCRIBED.
    std::optional<StreamId> new_stream_;  // The header of a stream that waits for SUBSCRIBED.
};

}  // namespace tepui::sim
