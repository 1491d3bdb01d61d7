#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "mesos/v1/executor/executor.pb.h"
#include "sim/faults.h"
#include "sim/ground_truth.h"
#include "sim/timeline.h"

namespace tepui::sim {

/// A framework's executor as a careful author would write one against the v1 API: it remembers each
/// update until it is acknowledged, comes back when its stream breaks with all it has not heard of,
/// and ends its tasks when it is told to. It runs in a container: agents come and go.
class ExecutorProcess : public std::enable_shared_from_this<ExecutorProcess> {
public:
    using Call = mesos::v1::executor::Call;
    using Event = mesos::v1::executor::Event;

    /// What the machine does for it.
    struct Machine {
        /// Opens an event stream and gives its number; 0 when no agent takes it.
        std::function<std::uint64_t(const Call& call)> subscribe;
        /// Any other call; lost when no agent is there.
        std::function<void(const Call& call)> call;
        std::function<void(std::int32_t status)> exit;
    };

    ExecutorProcess(ExecutorKey key, AgentId agent, Machine machine, Timeline& timeline,
                    GroundTruth& truth, const Faults& faults);

    void start();
    /// Ended from outside, with all it runs.
    void kill();
    void on_event(std::uint64_t stream, const Event& event);
    void on_stream_closed(std::uint64_t stream);
    /// Tasks that run in it now.
    std::set<TaskKey> running() const;

private:
    struct Task {
        mesos::v1::TaskInfo info;
        bool running = false;
        bool acknowledged = false;  // Some update of it was.
    };

    void after(Duration delay, void (ExecutorProcess::*action)());
    void subscribe();
    void launch(const mesos::v1::TaskInfo& info);
    void end_task(const std::string& id, mesos::v1::TaskState state, std::int32_t status);
    void update(const std::string& task, mesos::v1::TaskState state);
    void acknowledged(const Event::Acknowledged& acknowledged);
    void shut_down();
    void leave();
    void die();
    TaskKey key_of(const std::string& task) const { return {key_.first, TaskId{task}}; }
    Call make(Call::Type type) const;

    ExecutorKey key_;
    AgentId agent_;
    Machine machine_;
    Timeline& timeline_;
    GroundTruth& truth_;
    Faults faults_;
    bool alive_ = true;
    bool leaving_ = false;
    std::optional<std::uint64_t> stream_;
    std::map<std::string, Task> tasks_;
    std::deque<Call::Update> unacknowledged_;
    std::uint64_t next_uuid_ = 0;
    Instant last_call_;  // When the newest call reaches the agent: they keep their order.
};

}  // namespace tepui::sim
