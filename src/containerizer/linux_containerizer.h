#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/pressure.h"
#include "containerizer/containerizer.h"
#include "containerizer/descriptor.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/images/image_store.h"
#include "containerizer/isolator.h"
#include "containerizer/launch_plan.h"
#include "containerizer/nest.h"
#include "containerizer/probes.h"
#include "containerizer/secrets/resolver.h"
#include "containerizer/sessions.h"
#include "containerizer/shim_links.h"
#include "containerizer/status_file.h"
#include "containerizer/worker_pool.h"

namespace tepui::containerizer {

/// Containers made of cgroups and namespaces, one shim above each. What is on disk decides after a
/// crash: a container exists from the moment its runtime directory does; it lives as long as
/// somebody listens on the socket in it; it ended when the status file is there, and is lost when
/// neither is.
class LinuxContainerizer final : public Containerizer {
public:
    static Result<std::unique_ptr<LinuxContainerizer>> make(Options options);
    ~LinuxContainerizer() override;

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
    void open_session(SessionSpec spec, OnSession opened, OnExited exited) override;
    Result<Descriptor> attach(const ContainerId& container) override;
    Result<mesos::v1::ResourceStatistics> usage(const ContainerId& container) override;
    std::vector<std::string> warnings() const override;
    Stats stats() const override;
    Result<void> prune_images(const std::vector<std::string>& excluded) override;
    Result<std::string> pull_image(const std::string& name) override;
    ImageReport images() const override;
    ImageStats image_stats() const override;
    void log_to(std::function<void(const std::string&)> log) override;

private:
    /// One container between launch() and its `exited`.
    struct Container {
        ContainerId id;
        std::string name;  // short_name(id)
        std::string sandbox;
        OnStarted started;   // Empty once told.
        std::mutex telling;  // Held from its taking to its call; taken before mutex_.
        OnExited exited;
        std::atomic<bool> cancelled = false;  // Read by the fetcher while it works.
        std::uint64_t link = 0;               // 0: no shim yet.
        std::vector<int> signals_waiting;     // Until there is one.
        pid_t shim_pid = -1;
        std::int64_t task_pid = 0;
        std::uint64_t update_sequence = 0;  // Of the last update().
        std::shared_ptr<Container> parent;  // That it is nested in.
        std::string cgroup;                 // Of its own; empty: it has none.
        std::size_t nested = 0;             // Containers in it that have not ended.
        bool closed = false;                // Its shim is gone: nothing is launched in it any more.
        bool orphaned = false;              // It was ended because its parent did.
        std::optional<LimitHit> limit;      // What an isolator ended it for.
        std::vector<Isolator*> isolators;   // Those that have a part in it.
    };
    using Shared = std::shared_ptr<Container>;

    LinuxContainerizer(Options options, cgroups::Groups groups);
    Result<void> prepare_machine();
    Result<void> open_images();

    // Launching, on a worker.
    void run_launch(const Shared& container, const LaunchSpec& spec);
    std::expected<void, LaunchError> try_launch(const Shared& container, const LaunchSpec& spec);
    Result<LaunchPlan> plan_launch(const Container& container, const LaunchSpec& spec) const;
    Result<Descriptor> make_sandbox(const LaunchSpec& spec, const User* user) const;
    Result<void> spawn(const Shared& container, const LaunchSpec& spec, LaunchPlan& plan,
                       int sandbox_fd);
    void link(const Shared& container, Descriptor connection);

    /// The link of a container whose task runs.
    Result<std::uint64_t> running_link(const ContainerId& id);
    Result<void> try_session(const SessionSpec& spec, const OnSession& opened,
                             const OnExited& exited);
    Result<void> try_probe(const ContainerId& id, const ProbeSpec& spec, int answer);

    // Isolators (linux_isolators.cc), on workers.
    Isolated isolated(const Container& container) const;
    Isolated isolated(const std::string& name) const;
    Result<void> write_sandbox_path(const Container& container) const;
    Result<void> prepare_isolators(const Container& container, const LaunchSpec& spec,
                                   LaunchPlan& plan);
    /// Makes the bundle's config of a plan with a root; other plans stay as they are.
    Result<void> finish_plan(const Container& container, LaunchPlan& plan) const;
    void tell_started(const Shared& container);
    void clean_up_isolators(const Isolated& isolated);  // All of them: after a restart.
    void clean_up_isolators(const Isolated& isolated, const std::vector<Isolator*>& isolators);
    void on_limit(const ContainerId& id, LimitHit limit);
    mesos::v1::ContainerStatus container_status(const Container& container);

    // What shims say, on the links' thread.
    void on_report(const Shared& container, const shim_report& report);

    // Nesting.
    Result<void> enter_parent(Container& container, const LaunchSpec& spec);
    Result<void> write_nest(const Container& container) const;
    void show_in_parent(const LaunchSpec& spec) const;
    Nest read_nest(const std::string& name) const;
    void kill_nested(const Shared& parent);
    void leave_parent(const Shared& container);
    /// The cgroup that it lives in: its own, or that of the nearest one around it that has one.
    static const std::string& cgroup_of(const Container& container);

    // Ends, on a worker.
    void on_closed(const Shared& container);
    void finish(const Shared& container);
    void remember_end(const std::string& name);

    // Recovery.
    struct Survivor {
        std::string name;
        Descriptor connection;
        std::optional<shim_report> report;
    };
    /// What recover() works on.
    struct Recovery {
        std::function<void(const ContainerId&, Exited)> exited;
        std::vector<Found> found;
        std::vector<std::pair<Shared, Descriptor>> adopted;  // With their connections.
        std::set<std::string> kept_groups;                   // Cgroups of those.
        std::vector<Survivor> strangers;                     // To be ended.
        std::set<ContainerId> orphans;                       // Of those, what ran without a parent.
    };
    Survivor find_survivor(const std::string& name) const;
    void recover_one(Recovery& recovery, const ContainerId& id, const Nest& nest);
    void sweep(const Recovery& recovery);
    void sweep_groups(const Recovery& recovery, const std::vector<std::string>& names);
    void sweep_group(const std::string& name);

    std::string runtime_path(const std::string& name) const {
        return options_.runtime_dir + "/" + name;
    }
    Result<Status> read_status(const std::string& name) const;
    void remove_runtime(const std::string& name) const;
    void warn(std::string text);

    const Options options_;
    cgroups::Groups groups_;
    cgroups::PressureCounters pressure_;
    std::shared_ptr<images::ImageStore> images_;  // None without --image_providers.
    std::shared_ptr<images::LogLine> images_log_;
    std::vector<std::unique_ptr<Isolator>> isolators_;
    std::unique_ptr<SecretResolver> secrets_;
    std::shared_ptr<fetcher::Fetcher> fetcher_;
    Descriptor work_dir_;
    Descriptor runtime_dir_;
    bool namespaces_ = true;  // Whether this process may make any.

    std::atomic<std::uint64_t> fetches_succeeded_ = 0;
    std::atomic<std::uint64_t> fetches_failed_ = 0;
    std::atomic<std::uint64_t> destroy_errors_ = 0;
    std::mutex update_mutex_;   // Held while limits are written; taken before mutex_.
    mutable std::mutex mutex_;  // Of what follows.
    std::map<ContainerId, Shared> containers_;
    std::deque<std::string> ended_;  // Names whose status waits for forget(), oldest first.
    std::vector<std::string> warnings_;

    ShimLinks links_;
    Probes probes_;
    Sessions sessions_;
    WorkerPool workers_;
    WorkerPool fetchers_;  // Apart, because a slow download must not hold the launch of others.
};

}  // namespace tepui::containerizer
