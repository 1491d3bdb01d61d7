#pragma once

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "agent/core/core.h"
#include "agent/core/state.h"
#include "coord/store.h"
#include "daemon/batch_thread.h"
#include "env/clock.h"

namespace tepui::agent {

namespace asio = boost::asio;

/// Where the core's effects go. Called on the loop's thread, in the order of the effects; must hand
/// over and return.
class Outlets {
public:
    virtual ~Outlets() = default;
    virtual void send_to_master(const link::ToMaster& frame) = 0;
    virtual void reconnect_master() = 0;
    virtual void launch(const LaunchContainer& launch) = 0;
    virtual void signal(const ContainerId& container, int signal) = 0;
    virtual void destroy(const ContainerId& container) = 0;
    virtual void forget(const ContainerId& container) = 0;
    virtual void launch_executor(const LaunchExecutor& launch) = 0;
    virtual void launch_pod(const LaunchPod& launch) = 0;
    virtual void update(const UpdateContainer& update) = 0;
    virtual void send_to_executor(const SendToExecutor& send) = 0;
    virtual void close_executor(std::uint64_t connection) = 0;
    virtual void remove_sandbox(const std::string& path) = 0;
    virtual void launch_nested(const LaunchNested& launch) = 0;
    virtual void answer_asker(AnswerAsker answer) = 0;
    virtual void remove_nested_sandbox(const std::string& path) = 0;
    virtual void make_volume(const MakeVolume& order) = 0;
    virtual void remove_volume(const RemoveVolume& order) = 0;
    virtual void tidy_volumes(const TidyVolumes& order) = 0;
    virtual void start_probe(const StartProbe& probe) = 0;
    virtual void stop_probes(const ContainerId& container) = 0;
    virtual void log(Severity severity, const std::string& text) = 0;
    /// The agent may not go on, or has left. Comes at most once.
    virtual void end(const EndAgent& end) = 0;
};

/// The one thread that owns the core. Events are posted from any thread, stepped in batches, and
/// the checkpoints of one batch go to the store as one commit.
class CoreLoop {
public:
    using Reader = std::function<void(const State&)>;

    CoreLoop(std::unique_ptr<Core> core, std::unique_ptr<coord::Store> store,
             const env::Clock& clock, Outlets& outlets);
    ~CoreLoop();  // Stops.

    /// Begins with the core's recovery from what the containerizer found; then `recovered` runs on
    /// the loop's thread.
    void start(std::vector<FoundContainer> found, std::function<void()> recovered);
    /// Ends the thread after the running batch, and waits until what was committed is written.
    /// Readers that wait are dropped. Idempotent; not from the loop.
    void stop();

    /// Any thread.
    void post(Event event);
    /// Calls `reader` on the loop's thread; it must not keep the state. Any thread. False (and
    /// never called) when the loop has stopped.
    bool read(Reader reader);
    /// The loop's own executor: for the master link.
    asio::any_io_executor executor() { return thread_.executor(); }

private:
    using Item = std::variant<Event, Reader>;

    void take(std::deque<Item> batch);
    void perform(Effects effects);
    void perform(Effect& effect);
    void commit();
    void set_timer();

    std::unique_ptr<Core> core_;
    std::unique_ptr<coord::Store> store_;
    const env::Clock& clock_;
    Outlets& outlets_;

    daemon::BatchThread<Item> thread_;

    // Of the running batch; the loop's thread only.
    std::vector<CheckpointToken> tokens_;
    std::vector<coord::Write> writes_;
    bool ended_ = false;
};

}  // namespace tepui::agent
