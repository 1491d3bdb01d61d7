#pragma once

#include <map>
#include <memory>

#include "master/core/state.h"
#include "master/snapshot/snapshot.h"

namespace tepui::master {

/// Keeps a copy of the core's state in step with it, change by change, and gives away snapshots.
/// Belongs to the loop's thread. apply() costs what changed; publish() O(entries / 128).
class SnapshotBuilder {
public:
    explicit SnapshotBuilder(std::shared_ptr<const MasterFacts> facts);

    void apply(const State& state, const Changes& changes);
    /// The state as of the last apply(); the same object while nothing changes.
    std::shared_ptr<const Snapshot> publish();

private:
    void rebuild(const State& state);
    void set_framework(const State& state, const FrameworkId& id);
    void remove_framework(const FrameworkId& id);
    void set_agent(const State& state, const AgentId& id);
    void set_task(const State& state, const TaskKey& key);
    void set_completed_tasks(const State& state, const FrameworkId& id);
    void set_offer(const State& state, const OfferId& id);
    void set_completed_frameworks(const State& state);
    void set_weights(const State& state);
    void set_quotas(const State& state);
    void set_priorities(const State& state);
    void set_maintenance(const State& state);

    Snapshot working_;
    std::map<OfferId, FrameworkId> offer_owners_;
    std::shared_ptr<const Snapshot> published_;
    bool fresh_ = false;   // Nothing was applied yet.
    bool changed_ = true;  // Since the last publish().
};

}  // namespace tepui::master
