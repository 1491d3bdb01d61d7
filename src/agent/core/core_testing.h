#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/core.h"
#include "agent/core/state.h"

namespace tepui::agent::testing {

/// A container as the pretended machine runs it.
struct FakeContainer {
    std::int64_t pid = 0;
    bool running = false;
    std::optional<std::int32_t> status;
    std::optional<Limitation> limitation;
    std::string user;
    std::string sandbox;
    mesos::v1::TaskInfo task;  // As it was to be launched.
    int launches = 0;
    std::optional<ContainerId> parent;  // It ends with that one, before it.
};

/// An agent's surroundings, pretended: a checkpoint store, a containerizer and a master, and time
/// that moves when it is told to. Everything happens in step(), nothing by itself.
class World {
public:
    explicit World(std::uint64_t seed = 1);
    ~World();

    // --- switches, read whenever they matter ---
    bool store_answers = true;      // CheckpointWritten follows each WriteCheckpoint.
    bool containers_start = true;   // ContainerStarted follows each LaunchContainer.
    bool containers_update = true;  // ContainerUpdated follows each UpdateContainer.
    bool update_fails = false;      // With an error.
    bool ignores_term = false;      // Processes survive SIGTERM.
    bool master_registers = true;   // Registrations, and their end, are answered.
    bool master_acknowledges = true;
    bool machine_booted = false;        // At the next restart.
    std::optional<Error> volume_error;  // How every MakeVolume and RemoveVolume ends.
    std::uint64_t master_epoch = 1;
    double ping_timeout_seconds = 0;                // 0: none.
    std::vector<std::string> completed_frameworks;  // Told at re-registration.
    CoreConfig config;
    /// Answers each probe at once; empty: the test does.
    std::function<ProbeResult(const StartProbe&)> probe_answer;
    /// Ends the agent (as SIGKILL would) before its nth effect from now; restart() begins it again.
    std::optional<int> crash_before_effect;

    // --- the agent's life ---
    void start();  // From what is stored and what runs; connects and settles.
    void start_offline();
    void crash();
    bool alive() const { return core != nullptr; }
    void connect();
    void disconnect();

    // --- the master's words ---
    void send(link::ToAgent frame);
    void run_task(const std::string& task, const std::string& framework = "f1");
    void run(const mesos::v1::FrameworkInfo& framework, const mesos::v1::TaskInfo& task);
    void kill(const std::string& task, std::optional<Duration> grace = std::nullopt,
              const std::string& framework = "f1");
    void acknowledge(const mesos::v1::TaskStatus& status, const std::string& framework = "f1");
    void ping(bool connected = true);
    void shutdown_framework(const std::string& framework = "f1");

    // --- custom executors ---
    static mesos::v1::executor::Call executor_call(const std::string& executor = "e",
                                                   const std::string& framework = "f1");
    /// Opens a stream; its connection.
    std::uint64_t subscribe(mesos::v1::executor::Call::Subscribe repeats = {},
                            const std::string& executor = "e", const std::string& framework = "f1");
    void update(const std::string& task, mesos::v1::TaskState state, const std::string& uuid,
                const std::string& executor = "e", const std::string& framework = "f1");
    /// The kinds of events sent on that stream.
    std::vector<mesos::v1::executor::Event::Type> heard(std::uint64_t connection) const;

    // --- the machine ---
    void feed(Event event);  // And whatever follows from it, at this instant.
    void settle();
    void advance(Duration span);  // Through every deadline on the way.
    void write_one();             // Answers the oldest unanswered checkpoint batch.
    void write_all();
    void exit_container(const ContainerId& container, std::optional<std::int32_t> status,
                        std::optional<Limitation> limitation = std::nullopt);
    void exit_task(const std::string& task, std::int32_t status);
    ContainerId container_of(const std::string& task) const;

    // --- what was seen ---
    std::vector<mesos::v1::TaskStatus> updates(const std::string& task) const;  // With repeats.
    std::vector<mesos::v1::TaskState> states(const std::string& task) const;    // Without.
    std::string last_message(const std::string& task) const;
    int count_sent(link::ToMaster::MessageCase kind) const;
    int launches() const;
    bool logged(const std::string& part) const;

    std::unique_ptr<Core> core;
    Now now;
    std::map<std::string, std::string> disk;
    std::map<ContainerId, FakeContainer> containers;
    std::vector<link::ToMaster> sent;
    std::vector<std::pair<ContainerId, int>> signals;
    std::vector<ContainerId> destroyed;
    std::vector<ContainerId> forgotten;
    std::vector<std::string> removed;
    std::vector<std::pair<StartProbe, Instant>> probes;  // And when they began.
    std::vector<ContainerId> probes_stopped;
    std::vector<LaunchExecutor> executor_launches;
    std::vector<LaunchPod> pod_launches;
    std::vector<LaunchNested> nested_launches;
    std::vector<AnswerAsker> answers;
    std::vector<MakeVolume> volumes_made;
    std::vector<RemoveVolume> volumes_removed;
    std::vector<UpdateContainer> container_updates;
    std::map<std::uint64_t, std::vector<mesos::v1::executor::Event>> streams;
    std::set<std::uint64_t> closed;  // Streams the agent closed.
    std::vector<LogLine> log;
    std::optional<std::string> ended;
    bool end_failed = false;  // Of `ended`.
    int reconnects = 0;
    int effects_performed = 0;

private:
    bool create();
    void perform(Effects effects);
    void perform_one(const Effect& effect);
    void answer(const link::ToMaster& frame);
    void end_container(const ContainerId& container, std::int32_t status);
    void end_nested(const ContainerId& parent);
    void start_container(const ContainerId& container, const std::string& user,
                         const std::string& sandbox);

    std::deque<Event> events_;
    std::deque<WriteCheckpoint> unwritten_;
    std::uint64_t seed_;
    std::int64_t next_pid_ = 100;
    std::uint64_t next_connection_ = 1;
    bool connected_ = false;
};

mesos::v1::FrameworkInfo framework_info(const std::string& id, bool checkpoint = true,
                                        bool partition_aware = true, bool killing_state = true);
mesos::v1::TaskInfo task_info(const std::string& id);
mesos::v1::ExecutorInfo executor_info(const std::string& id = "e");
mesos::v1::TaskInfo executor_task(const std::string& id, const std::string& executor = "e");
/// `uuid` is filled up to its 16 bytes; empty: it has none.
mesos::v1::TaskStatus executor_status(const std::string& task, mesos::v1::TaskState state,
                                      const std::string& uuid);
/// wait(2) statuses.
constexpr std::int32_t exited(int code) { return code << 8; }
constexpr std::int32_t signalled(int signal) { return signal; }

}  // namespace tepui::agent::testing
