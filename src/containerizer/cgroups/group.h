#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/cgroups/hierarchies.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::cgroups {

/// The cgroups of all containers of one agent: `<mount>/<root>/<name>` in each hierarchy.
class Groups {
public:
    /// `root` is relative to the mount points. Nothing is touched before prepare().
    Groups(Hierarchies hierarchies, std::string root, Isolation isolation);

    /// Makes the root in every hierarchy and, on v2, hands the controllers down to it. Returns the
    /// controllers that this machine does not give, a sentence each; they are left out from then
    /// on.
    std::vector<std::string> prepare();

    /// Makes the container's cgroups with their limits; "<parent>/<name>" makes them beneath those
    /// of `parent`, which on v2 hold no process of their own from then on. On failure what was made
    /// is removed again.
    Result<void> create(const std::string& name, const Limits& limits) const;
    /// Gives a container's cgroups other limits. A memory limit is only ever raised.
    Result<void> update(const std::string& name, const Limits& limits) const;
    /// The directories of a container, the one to be looked at for its processes first.
    std::vector<std::string> directories(const std::string& name) const;
    /// Its directory in the hierarchy of `controller`; empty when that is not in use.
    std::string directory(const std::string& controller, const std::string& name) const;
    /// Names of all containers that have a directory in some hierarchy.
    std::vector<std::string> names() const;
    /// The same of those beneath container `parent`, as "<parent>/<name>".
    std::vector<std::string> names(const std::string& parent) const;

    /// Kills every process in the container's cgroups (nested ones too) and removes them. Returns
    /// true when all is gone, false when something did not die within `patience`: call again.
    bool destroy(const std::string& name, std::chrono::milliseconds patience) const;

    /// Fills in what the control files tell. The timestamp is the caller's.
    void usage(const std::string& name, mesos::v1::ResourceStatistics& statistics) const;

    Version version() const { return hierarchies_.version; }
    const Isolation& isolation() const { return isolation_; }
    bool any() const { return !roots_.empty(); }

private:
    Result<void> prepare_v2(const std::string& mount) const;
    /// The controllers of v2, as "+cpu +memory".
    std::string controllers_v2() const;
    /// In v1 a new cpuset has no CPU and no memory node, and takes no process until it has.
    Result<void> inherit_cpuset(const std::string& name) const;
    Result<void> hand_down(const std::string& parent) const;

    Hierarchies hierarchies_;
    std::string root_;
    Isolation isolation_;             // What is in use; shrinks in prepare().
    std::vector<std::string> roots_;  // <mount>/<root>
};

}  // namespace tepui::containerizer::cgroups
