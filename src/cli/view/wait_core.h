#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// What `tepui wait` waits for.
struct WaitGoal {
    std::string kind;    // "task", "framework" or "agent".
    std::string wanted;  // What the person wrote: an id, the beginning of one, a name.
    std::string state;   // In lower case.
};

/// All states of all kinds, each once.
std::vector<std::string> goal_states();

/// Fails with invalid_argument, naming the states that there are.
Result<void> check_goal(const WaitGoal& goal);

/// Decides from the events of the operator stream whether the wait is over. Pure.
class WaitCore {
public:
    explicit WaitCore(WaitGoal goal) : goal_(std::move(goal)) {}

    enum class Verdict : std::uint8_t { waiting, reached };

    /// Fails with not_found or conflict when the first snapshot does not say which object is meant,
    /// and with unavailable when the state cannot come any more (a task that ended otherwise, an
    /// object that was removed).
    Result<Verdict> feed(const mesos::v1::master::Event& event);

    const std::string& id() const { return id_; }  // Empty before the first snapshot.
    /// "RUNNING"; how the object was seen last.
    const std::string& seen() const { return seen_; }

private:
    using State = mesos::v1::master::Response::GetState;

    Result<Verdict> snapshot(const State& state);
    Result<Verdict> task_snapshot(const State& state);
    Result<Verdict> framework_snapshot(const State& state);
    Result<Verdict> agent_snapshot(const State& state);
    Result<Verdict> judge_status(const mesos::v1::TaskStatus& status);
    Result<Verdict> judge(std::string seen);
    Result<Verdict> removed();

    WaitGoal goal_;
    std::string id_;
    std::string framework_;  // Of a task.
    std::string seen_;
};

}  // namespace tepui::cli
