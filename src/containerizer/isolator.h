#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/cgroups/group.h"
#include "containerizer/containerizer.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer {

/// A container as isolators see it, from before anything of it runs until all of it is gone.
struct Isolated {
    ContainerId container;
    std::string name;         // Of its runtime directory and cgroup; short, unique on the machine.
    std::string runtime_dir;  // Absolute. Files kept here outlive the agent, and go with the
                              // container.
    std::string sandbox;      // Absolute.
    std::string cgroup;       // Beneath the root of Groups; empty: it shares its parent's.
    std::string parent;       // `runtime_dir` of the one it is nested in; empty: none.
    const std::atomic<bool>* cancelled = nullptr;  // In prepare(): whether it is to end.
};

/// One kind of isolation, by its Mesos name in --isolation; each has a folder beneath `isolators/`
/// with its tests and a README. It has no process of its own: it adds to the plan that the shim (or
/// the OCI runtime) carries out, and takes away what it made outside of it. Calls for one container
/// come one after the other, those for several at once, on workers: an isolator locks what it
/// shares.
class Isolator {
public:
    virtual ~Isolator() = default;

    virtual std::string_view name() const = 0;

    /// Once, before any other call. Fails when this machine can't do it: the agent does not start,
    /// and says why.
    virtual Result<void> prepare_machine() { return {}; }
    /// Whether it has any part in a container of that kind; of one in which it has none it hears
    /// nothing, but for cleanup() and recover() after a restart. Keeps plain launches fast.
    virtual bool concerns(const LaunchSpec& spec) const {
        (void)spec;
        return true;
    }
    /// Adds its part to the plan. The container's runtime directory and sandbox exist, its cgroups
    /// do not. An error ends the launch with its text; cleanup() follows.
    virtual Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                                 LaunchPlan& plan) {
        (void)isolated, (void)spec, (void)plan;
        return {};
    }
    /// The cgroups were made and nothing runs in them yet. An error as in prepare().
    virtual Result<void> enter_cgroups(const Isolated& isolated, const LaunchSpec& spec) {
        (void)isolated, (void)spec;
        return {};
    }
    /// The task runs; `pid` of its first process, as the host sees it. Also after recover().
    virtual void started(const Isolated& isolated, std::int64_t pid) { (void)isolated, (void)pid; }
    /// A container of an earlier agent lives on; it is known by what is in its runtime directory.
    virtual void recover(const Isolated& isolated) { (void)isolated; }
    /// Other limits for a running container.
    virtual Result<void> update(const Isolated& isolated, const ContainerResources& resources) {
        (void)isolated, (void)resources;
        return {};
    }
    /// Fills in what it measures. May block for some reads.
    virtual void usage(const Isolated& isolated, mesos::v1::ResourceStatistics& statistics) {
        (void)isolated, (void)statistics;
    }
    /// Fills in its part of TaskStatus.container_status (addresses, cgroup handles).
    virtual void status(const Isolated& isolated, mesos::v1::ContainerStatus& status) {
        (void)isolated, (void)status;
    }
    /// Every process of the container is gone, its cgroups too; or it never ran. Called at least
    /// once for each prepare(), also by a later agent for what an earlier one left, and when
    /// prepare() failed: takes back what there is, and is content when there is nothing. An error
    /// is logged and counted.
    virtual Result<void> cleanup(const Isolated& isolated) {
        (void)isolated;
        return {};
    }
    /// After recovery: these containers live. What else it made on the machine is removed.
    virtual void sweep(const std::vector<Isolated>& living) { (void)living; }
};

/// What isolators may say at any time: the container used more than it may, and is to end.
using OnLimit = std::function<void(const ContainerId&, LimitHit)>;

namespace images {
class ImageStore;
}

/// What isolators are made of.
struct IsolatorContext {
    const Options& options;
    const cgroups::Groups& groups;
    OnLimit on_limit;                      // Any thread.
    images::ImageStore* images = nullptr;  // Outlives isolators; none without --image_providers.
};

/// The isolators that Options::isolation names, in the order in which they prepare; those of plain
/// cgroups and namespaces are not among them (isolation.h). Fails on a combination that cannot be,
/// with the reason.
Result<std::vector<std::unique_ptr<Isolator>>> make_isolators(const IsolatorContext& context);

}  // namespace tepui::containerizer
