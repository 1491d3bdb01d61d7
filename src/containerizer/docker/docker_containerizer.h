#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "containerizer/containerizer.h"
#include "containerizer/docker/create_plan.h"
#include "containerizer/docker/engine.h"
#include "containerizer/docker/log_files.h"
#include "containerizer/docker/prepare.h"

namespace tepui::containerizer::docker {

/// Containers of ContainerInfo.type DOCKER, made by a Docker Engine that is reached on its socket.
///
/// The Engine knows which containers exist and how they ended; labels tell whose they are. In
/// runtime_dir/d a directory for each, made before the container, tells a later agent which of its
/// tasks are in the Engine, and how far their logs are in the sandbox. No answer of the Engine is
/// never taken for an end: what is not known is asked again, for as long as it takes.
///
/// One thread of its own does all talking; the public calls post to it. update() and recover() wait
/// for it, with a bound.
class DockerContainerizer final : public Containerizer {
public:
    static Result<std::unique_ptr<DockerContainerizer>> make(Options options);
    ~DockerContainerizer() override;

    void launch(LaunchSpec spec, OnStarted started, OnExited exited) override;
    void signal(const ContainerId& container, int signal) override;
    Result<void> update(const ContainerId& container, const ContainerResources& resources,
                        std::uint64_t sequence) override;
    void destroy(const ContainerId& container) override;
    Result<std::vector<Found>> recover(
        const std::vector<ContainerId>& expected,
        std::function<void(const ContainerId&, Exited)> exited) override;
    void forget(const ContainerId& container) override;
    void probe(const ContainerId& container, ProbeSpec spec, OnProbed done) override;
    void cancel_probes(const ContainerId& container) override;
    Result<mesos::v1::ResourceStatistics> usage(const ContainerId& container) override;
    void open_session(SessionSpec spec, OnSession opened, OnExited exited) override;
    std::vector<std::string> warnings() const override;
    Stats stats() const override;
    std::vector<double> docker_pulls_ms() const override;
    void log_to(std::function<void(const std::string&)> log) override;

    /// Whether an earlier agent with these Options left this one to the Engine. Any thread.
    bool knows(const ContainerId& container) const;

private:
    enum class Phase : std::uint8_t { launching, running, ended };

    /// One container between launch() and its `exited`. Of the docker thread, but for `cancelled`.
    struct Container {
        ContainerId id;
        std::string name;    // In the Engine.
        std::string record;  // Its directory in runtime_dir.
        std::string sandbox;
        OnStarted started;
        OnExited exited;
        Phase phase = Phase::launching;
        std::atomic<bool> cancelled = false;
        StopPtr launching = std::make_shared<Stop>();  // Ends the launch's calls.
        StopPtr logs_end = std::make_shared<Stop>();   // Requested when all logs are in the files.
        StopPtr gone = std::make_shared<Stop>();       // Requested when it ended.
        StopPtr oom = std::make_shared<Stop>();        // Requested when its memory ran out.
        std::string engine_id;
        std::string stop_signal;
        std::vector<int> signals_waiting;
        bool finishing = false;
        bool end_seen = false;  // The Engine said that it runs no more.
        bool follows = false;   // Its logs are being read.
        bool killed = false;    // By this agent.
        std::int64_t pid = 0;
        std::optional<double> mem_mb;
        std::uint64_t update_sequence = 0;
        std::set<StopPtr> probes;
        std::unique_ptr<LogFiles> logs;
    };
    using Shared = std::shared_ptr<Container>;
    /// A command within a container that somebody talks to. Of the docker thread.
    struct Session {
        Shared container;
        std::string exec;      // The Engine's id of it; empty: not made yet.
        std::int64_t pid = 0;  // As the host sees it; 0: not known.
        std::vector<int> signals_waiting;
        StopPtr over = std::make_shared<Stop>();  // It ended, was killed, or its container is gone.
        bool ended = false;
    };
    using SharedSession = std::shared_ptr<Session>;
    using Launched = std::expected<void, LaunchError>;

    explicit DockerContainerizer(Options options);

    // On any thread.
    template <typename Function>
    void post(Function function);
    void spawn(asio::awaitable<void> work);
    void warn(std::string text);
    void log(const std::string& text) const;
    std::string record_path(const ContainerId& container) const;
    CreateContext context(const LaunchSpec& spec) const;

    // Launching (docker_launch.cc).
    asio::awaitable<void> run_launch(Shared container, LaunchSpec spec);
    asio::awaitable<Launched> try_launch(Shared container, LaunchSpec& spec);
    asio::awaitable<Launched> prepare(Shared container, const LaunchSpec& spec,
                                      const CreatePlan& plan);
    asio::awaitable<Result<void>> await_engine(StopPtr stop);
    asio::awaitable<Result<void>> ensure_image(Shared container, const CreatePlan& plan);
    asio::awaitable<Result<void>> create(Shared container, const CreatePlan& plan);
    asio::awaitable<Result<Inspected>> start(Shared container);
    void begin_running(const Shared& container, const Inspected& inspected);
    /// Removes, in the background, what may be there of a container; asks until the Engine agrees.
    asio::awaitable<void> remove_surely(std::string engine_id, Duration delay);

    // Ends, signals and logs (docker_watch.cc).
    asio::awaitable<void> watch();
    asio::awaitable<void> look_at_all();
    void on_event(const EngineEvent& event);
    asio::awaitable<void> finish(Shared container);
    void keep_end(const ContainerId& container);
    void tell_end(const Shared& container, const std::optional<Inspected>& last);
    asio::awaitable<void> deliver(Shared container, std::string signal);
    asio::awaitable<void> stop_gently(Shared container);
    asio::awaitable<void> follow(Shared container);
    void signal_here(const ContainerId& id, int signal);
    void set_pid(const Shared& container, std::int64_t pid);

    // Recovery (docker_recovery.cc).
    struct Recovery;
    asio::awaitable<void> look_around(std::shared_ptr<Recovery> recovery);
    Shared adopt(const ContainerId& id,
                 const std::function<void(const ContainerId&, Exited)>& exited);
    Found recognise(const Shared& container, const Result<Inspected>& inspected);
    Result<void> open_logs(Container& container, const Record& record) const;
    asio::awaitable<void> sweep(std::vector<Listed> listed);

    // Probes and updates (docker_probe.cc).
    asio::awaitable<void> run_probe(Shared container, ProbeSpec spec, OnProbed done, StopPtr stop);
    asio::awaitable<Result<std::int32_t>> try_probe(Shared container, const ProbeSpec& spec,
                                                    StopPtr stop);
    asio::awaitable<Result<void>> update_here(ContainerId id, ContainerResources resources,
                                              std::uint64_t sequence);

    // Sessions (docker_session.cc).
    asio::awaitable<void> run_session(SharedSession session, SessionSpec spec, OnSession opened,
                                      OnExited exited);
    asio::awaitable<Result<std::shared_ptr<Upgraded>>> begin_session(SharedSession session,
                                                                     const SessionSpec& spec);
    asio::awaitable<void> resize_session(SharedSession session, std::uint16_t rows,
                                         std::uint16_t columns);
    asio::awaitable<std::optional<std::int32_t>> await_session(SharedSession session);
    asio::awaitable<void> signal_session(SharedSession session, int signal);
    bool signal_session_here(const ContainerId& id, int signal);
    void end_sessions();

    Shared find(const ContainerId& id) const;

    asio::io_context io_{1};  // First: the last to go, and what is suspended on it with it.
    const Options options_;
    Engine engine_;
    const StopPtr stop_ = std::make_shared<Stop>();
    std::map<ContainerId, Shared> containers_;
    std::map<ContainerId, SharedSession> sessions_;
    std::set<ContainerId> kept_;      // Ended, not forgotten.
    std::deque<ContainerId> ended_;   // The same and forgotten ones, oldest first.
    std::set<std::string> removing_;  // Ids and names that remove_surely() sees to.
    bool recovered_ = false;          // recover() was called: what is in neither is nobody's.

    mutable std::mutex mutex_;  // Of what follows.
    std::map<ContainerId, std::int64_t> pids_;
    std::vector<std::string> warnings_;
    std::deque<double> pulls_ms_;  // The newest.
    std::function<void(const std::string&)> log_;
    std::atomic<std::uint64_t> fetches_succeeded_ = 0;
    std::atomic<std::uint64_t> fetches_failed_ = 0;
    std::atomic<std::uint64_t> destroy_errors_ = 0;

    asio::thread_pool blocking_{4};  // Fetches and makes sandboxes.
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::thread thread_;
};

/// What TaskStatus.container_status tells of it.
mesos::v1::ContainerStatus status_of(const Inspected& inspected);

/// What TaskStatus.data tells of it: the Engine's words, in an array as `docker inspect` prints
/// them. Empty when they are too many.
std::string data_of(const Inspected& inspected);

/// How it ended. `mem_mb`: its limit, for the text.
Exited exit_of(const Inspected& inspected, std::optional<double> mem_mb);

}  // namespace tepui::containerizer::docker
