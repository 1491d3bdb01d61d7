#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "containerizer/cgroups/options.h"
#include "containerizer/docker/options.h"
#include "containerizer/fetcher/options.h"
#include "containerizer/images/options.h"
#include "containerizer/network_options.h"
#include "containerizer/oci/options.h"
#include "containerizer/security_options.h"
#include "containerizer/session.h"
#include "containerizer/volumes/options.h"
#include "containerizer/volumes/persistent_volume.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer {

struct Options {
    std::string work_dir;     // The agent's; sandboxes and shim sockets live beneath it.
    std::string runtime_dir;  // Sockets live in its folder "c"; at most 66 bytes, as socket paths
                              // end at 107.
    std::string shim_path;    // The tepui-shim program.
    std::string cgroups_root =
        "tepui";  // Unique per agent on the host: "tepui/<agent's work dir hash>".
    std::vector<std::string> isolation = {"cgroups/cpu",    "cgroups/mem",      "cgroups/pids",
                                          "namespaces/pid", "filesystem/linux", "posix/rlimits"};
    bool cgroups_enable_cfs = false;
    bool switch_user = true;
    std::uint64_t pids_max = 4096;
    std::size_t log_bytes_max = std::size_t{10}
                                << 20;  // Of stdout and stderr each, before rotation.
    std::size_t log_files_max = 5;
    std::string
        frameworks_home;  // Where relative URIs of the fetcher begin; empty: they are refused.
    Duration fetch_stall_timeout = 60s;  // Below one byte a second for this long ends a download.
    std::uint64_t fetch_bytes_max = std::uint64_t{16}
                                    << 30;  // Of each download, copy and extraction.
    /// A container that no agent asks for any more ends after this long; absent: never.
    std::optional<Duration> recovery_timeout = {};
    bool fetch_link_local = false;  // Metadata services live at link-local addresses: refused.
    ImageOptions images;
    OciOptions oci;
    FetcherOptions fetcher;
    VolumeOptions volumes;
    DiskOptions disk;
    CgroupOptions cgroup;
    PortOptions ports;
    GpuOptions gpus;
    NetworkOptions networks;
    SecurityOptions security;
    std::vector<std::string> containerizers = {"mesos"};  // "mesos", "docker": --containerizers.
    DockerOptions docker;
};

/// What to run and under which limits. Plain values; nothing of the wire's roles or offers.
struct LaunchSpec {
    ContainerId container;
    std::string sandbox;  // Absolute; made here, owned by `user`.
    std::string user;     // Empty: as the agent.
    mesos::v1::CommandInfo command;
    std::map<std::string, std::string> environment;  // Below command.environment in precedence.
    std::optional<double> cpus;                      // Request; shares of 1,024 each.
    std::optional<double> cpus_limit;  // As the task gives it; infinity: none even with cfs on.
    std::optional<double> mem_mb;      // Hard limit.
    std::optional<mesos::v1::RLimitInfo> rlimits;

    /// As the task asks for it; each isolator reads its own part. Absent: the host's file system
    /// and network.
    std::optional<mesos::v1::ContainerInfo> info;
    /// The task's (or the executor's), for disks, ports and devices.
    google::protobuf::RepeatedPtrField<mesos::v1::Resource> resources;
    std::optional<double> mem_request_mb;  // Below `mem_mb` when the task may burst.
    bool cpus_revocable = false;           // `cpus` may be taken away: lower priority.
    bool mem_revocable = false;            // The first to go when the machine has no memory left.
    std::string hostname_default;          // Of a network namespace of its own; the container id.

    PersistentVolumes volumes;  // Of `resources`, and where their data are.
    /// The same of the container it is nested in: what a SANDBOX_PATH of PARENT may lead into.
    PersistentVolumes parent_volumes;
    bool takes_tasks = false;  // Its volumes may change while it runs.

    /// Waits for an agent to come back; else it ends with the agent that launched it.
    bool outlives_agent = true;
    /// Runs no command: keeps a sandbox and cgroups for containers nested in it until destroyed.
    bool hold = false;
    /// The running container it is nested in. It ends before its parent does.
    std::optional<ContainerId> parent;
    /// Of a nested one: it lives in its parent's cgroups, whose limits are all that it has. Else it
    /// has its own beneath them.
    bool share_cgroups = true;
    /// Of a nested one: a path in its parent's sandbox where a link leads to its own; empty: none.
    std::string shown_as;
};

/// What a container may use.
struct ContainerResources {
    std::optional<double> cpus = std::nullopt;            // Request.
    std::optional<double> cpus_limit = std::nullopt;      // As in LaunchSpec.
    std::optional<double> mem_mb = std::nullopt;          // Hard limit.
    std::optional<double> mem_request_mb = std::nullopt;  // Absent: `mem_mb`.
    bool cpus_revocable = false;
    std::vector<NumberRange> ports = {};  // All it was given by now; inclusive.
    PersistentVolumes volumes = {};       // All that it has from now on.
    bool operator==(const ContainerResources&) const = default;
};

struct Started {
    std::int64_t pid = 0;
    /// What isolators (or Docker) tell of it: addresses, cgroup handles. Without executor_pid and
    /// container_id.
    mesos::v1::ContainerStatus status;
    std::string data;  // TaskStatus.data of TASK_RUNNING: what Docker says of it, as JSON.
};

/// Resource that was exceeded, for TaskStatus.limitation.
struct LimitHit {
    mesos::v1::TaskStatus::Reason reason;
    std::string message;
    mesos::v1::TaskResourceLimitation resources;
};

struct Exited {
    /// wait(2) status; nothing when the shim was lost, or the container it was nested in.
    std::optional<std::int32_t> status;
    std::optional<LimitHit> limit;
};

struct Found {
    ContainerId container;
    std::int64_t pid = 0;
    bool running = false;
    std::optional<Exited> exited;
    mesos::v1::ContainerStatus status;  // As in Started.
    std::string data = {};              // As in Started.
};

/// An error of a launch and how far it had come.
struct LaunchError {
    Error error;
    bool sandbox_failed = false;
};

/// A command to run beside a container's task, with everything that the task has.
struct ProbeSpec {
    mesos::v1::CommandInfo command;  // Its user and URIs are not looked at.
    Duration timeout{};
};

/// Counted since the start; any thread.
struct Stats {
    std::uint64_t fetches_succeeded = 0;  // Containers all of whose URIs came.
    std::uint64_t fetches_failed = 0;
    std::uint64_t destroy_errors = 0;  // Times that something of a container could not be ended.
    FetchStats fetch;
};

/// Launches containers, tells when they end, finds them again after a restart. All callbacks come
/// on threads of its own; the shell posts them to its loop.
class Containerizer {
public:
    virtual ~Containerizer() = default;

    using OnStarted = std::function<void(std::expected<Started, LaunchError>)>;
    using OnExited = std::function<void(Exited)>;
    using OnProbed = std::function<void(Result<std::int32_t>)>;

    /// Begins a launch. `started` is called once; when it succeeded, `exited` is called once later,
    /// after every process and cgroup of the container is gone, and of those nested in it. A parent
    /// that does not run any more is an error of the launch.
    virtual void launch(LaunchSpec spec, OnStarted started, OnExited exited) = 0;
    /// Signals the container's task: SIGKILL ends every process in it. A container unknown or still
    /// being launched: SIGKILL cancels the launch, others are kept until it runs.
    virtual void signal(const ContainerId& container, int signal) = 0;
    /// Gives a running container other limits; `sequence` grows from call to call, and a call that
    /// is overtaken by a later one changes nothing. A limit that is absent stays as it was. Memory
    /// that a container was given is not taken back while it runs: it may be in use. Blocks for a
    /// few writes to cgroup files. Fails with not_found when the container does not run.
    virtual Result<void> update(const ContainerId& container, const ContainerResources& resources,
                                std::uint64_t sequence) = 0;
    /// Ends the container whatever it does; `exited` follows.
    virtual void destroy(const ContainerId& container) = 0;
    /// Called once, before any launch. The answer names every id of `expected`; one of which
    /// nothing is left has ended without a status. Re-adopts what runs of `expected` (their
    /// `exited` will be told to `exited`), reads the end of what ended, destroys whatever else an
    /// earlier agent with these Options left.
    virtual Result<std::vector<Found>> recover(
        const std::vector<ContainerId>& expected,
        std::function<void(const ContainerId&, Exited)> exited) = 0;
    /// The caller has stored how `container` ended: what is kept of its end for recover() is
    /// removed. Without this call the end stays readable for a later agent (at most the newest
    /// 1,024 are kept).
    virtual void forget(const ContainerId& container) { (void)container; }
    /// Runs a command in the container: its namespaces, cgroups, limits, user, working directory
    /// and environment, with the command's own variables on top; what it writes goes nowhere.
    /// `done` is called once, when nothing of it is left: with the wait(2) status, timeout, or why
    /// it never ran. It ends with the container, and with this process.
    virtual void probe(const ContainerId& container, ProbeSpec spec, OnProbed done) = 0;
    /// Ends the container's probes. Those that had begun call nothing any more.
    virtual void cancel_probes(const ContainerId& container) = 0;
    /// Runs a command in a container for somebody who talks to it. `opened` is called once; when it
    /// succeeded, `exited` once later, when nothing of it is left. signal() and destroy() take its
    /// name: SIGKILL ends everything it started.
    virtual void open_session(SessionSpec spec, OnSession opened, OnExited exited) {
        (void)exited;
        opened(fail(Errc::unsupported, "container '{}' takes no sessions", spec.parent));
    }
    /// A socket to the stdio of a container that has a terminal (session.h says what goes over it).
    /// Fails with not_found when it does not run, unsupported when it has no terminal.
    virtual Result<Descriptor> attach(const ContainerId& container) {
        return fail(Errc::unsupported, "container '{}' has no terminal to attach to", container);
    }
    /// Usage now: cpu times, memory, processes. Blocks for a few reads of cgroup files.
    virtual Result<mesos::v1::ResourceStatistics> usage(const ContainerId& container) = 0;
    /// What this machine could not give of Options::isolation, a sentence each, for the log.
    virtual std::vector<std::string> warnings() const = 0;
    virtual Stats stats() const { return {}; }
    /// Removes the images that no container uses, but those named in `excluded`. Blocks.
    virtual Result<void> prune_images(const std::vector<std::string>& excluded) {
        (void)excluded;
        return fail(Errc::unsupported,
                    "this agent has no images: start it with --image_providers=docker");
    }
    /// Begins to pull an image, whether it is here or not: its registry tells what it is now. How
    /// far it is, and why it failed, images() says. Returns its canonical name.
    virtual Result<std::string> pull_image(const std::string& name) {
        return fail(Errc::unsupported,
                    "cannot pull '{}': this agent has no images; start it with "
                    "--image_providers=docker",
                    name);
    }
    /// The images that are here or on their way. Blocks for some reads.
    virtual ImageReport images() const { return {}; }
    virtual ImageStats image_stats() const { return {}; }
    /// Where what operators may want to see goes, a line each: downloads, evictions. Any thread
    /// calls it, until the containerizer is destroyed.
    virtual void log_to(std::function<void(const std::string&)> log) { (void)log; }
    /// Milliseconds that the newest pulls of images by the Docker Engine took; any thread.
    virtual std::vector<double> docker_pulls_ms() const { return {}; }
};

/// The containerizer of this machine. Fails when an isolator's name is unknown.
Result<std::unique_ptr<Containerizer>> make_containerizer(Options options);

}  // namespace tepui::containerizer
