#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "agent/core/effect.h"
#include "base/result.h"
#include "containerizer/volumes/persistent_volume.h"
#include "env/posix/worker_pool.h"

namespace tepui::agent {

/// The directories of persistent volumes. Everything is done in the order it was asked for, on one
/// thread: what begins after a volume was made finds it, what begins after it was removed finds
/// nothing. On the root disk and PATH disks a volume is moved away first and deleted aside; what a
/// MOUNT disk holds is deleted in place, its root stays.
class VolumeKeeper {
public:
    using Done = std::function<void(std::optional<Error>)>;

    /// `warn` is called by any thread, with what could not be deleted aside.
    VolumeKeeper(std::string work_dir, env::WorkerPool& aside,
                 std::function<void(const std::string&)> warn);

    void make(const MakeVolume& order, Done done);
    void remove(const RemoveVolume& order, Done done);
    void tidy(const std::set<std::string>& operations);
    /// Runs after all that was asked for before.
    void after(std::function<void()> work);
    void stop() { thread_.stop(); }

private:
    Result<void> remove_now(const RemoveVolume& order);
    void purge(const std::string& top);

    const std::string work_dir_;
    env::WorkerPool& aside_;
    const std::function<void(const std::string&)> warn_;
    env::WorkerPool thread_{1};
};

/// Makes a volume's directory (mode 0750; of a shared volume 0755). Fails when the disk it is to be
/// on is not there, and with conflict when it is to be `fresh` and something lies there.
Result<void> make_volume(const std::string& work_dir, const mesos::v1::Resource& volume,
                         bool fresh);

/// The volumes among `resources`, each once, in the containerizer's words.
containerizer::PersistentVolumes to_volumes(const ResourceList& resources,
                                            const std::string& work_dir);

}  // namespace tepui::agent
