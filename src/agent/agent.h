#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/master_detector.h"
#include "agent/options.h"
#include "base/result.h"
#include "containerizer/containerizer.h"
#include "coord/store.h"
#include "env/clock.h"

namespace tepui::agent {

/// What an agent is put together from.
struct AgentParts {
    std::unique_ptr<coord::Store> store;
    std::unique_ptr<containerizer::Containerizer> containerizer;
    std::unique_ptr<MasterDetector> detector;
    std::shared_ptr<const env::Clock> clock;
    std::uint64_t seed = 0;
    /// Removes from the machine what the agent made for all of its containers. Called at the end of
    /// an agent that left, when none of them is there any more; may be empty.
    std::function<void()> clear_machine = {};
};

/// The parts of this machine: SQLite in work_dir/meta, the machine's containerizer, the master's
/// fixed address, clocks and randomness of the kernel. Makes work_dir and runtime_dir.
Result<AgentParts> machine_parts(const AgentOptions& options);

/// Why an agent ended.
struct AgentEnd {
    std::string why;  // For people; empty after stop().
    bool failed = false;
    bool operator==(const AgentEnd&) const = default;
};

/// One agent: HTTP server, loop with the core, link to the master. Killing the process at any point
/// is safe: what runs goes on and is found again by the next start with the same work_dir.
class Agent {
public:
    /// Binds, recovers what an earlier process left and begins to look for the master. Fails with
    /// io when the address is taken, corrupt when the checkpoints are damaged as a whole,
    /// invalid_argument on options that can't be read.
    static Result<std::unique_ptr<Agent>> start(AgentOptions options, AgentParts parts);
    ~Agent();  // Stops.
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    std::uint16_t port() const;

    /// Ends every container, unregisters from the master (if there is one) and forgets the agent's
    /// identity, so that the next start registers a new agent. Returns at once; wait() tells when
    /// it is done.
    void leave();

    /// Waits until the agent has stopped, has left, or may not go on.
    AgentEnd wait() const;
    /// The same; nothing when `deadline` passed before.
    std::optional<AgentEnd> wait_for_end(Duration deadline) const;

    /// Closes the link and the server; containers run on. Idempotent, from any thread; one call at
    /// a time.
    void stop();

private:
    class Impl;
    explicit Agent(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::agent
