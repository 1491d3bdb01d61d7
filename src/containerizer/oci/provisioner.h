#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/launch_plan.h"
#include "containerizer/oci/user_namespace.h"

namespace tepui::containerizer::oci {

enum class Backend { overlay, copy };

/// Makes root filesystems of layers, each in a directory of its own beneath `directory`:
///   <name>/rootfs    what the container sees
///   <name>/upper,work  of an overlay
///   <name>/mounts/N  sources of bind mounts that a task could exchange for links
/// Everything that is there is taken away by remove(), also by a later agent.
class Provisioner {
public:
    Provisioner(std::string directory, Backend backend)
        : directory_(std::move(directory)), backend_(backend) {}

    /// Makes `directory`, which only root can list. `passable`: others may come to what is in it
    /// by name, as a container's root must that has a user namespace.
    Result<void> prepare(bool passable = false) const;
    /// The root filesystem of `layers`, lowest first; returns its path. With a user namespace its
    /// files are owned by the ids of that; the layers stay as they are, shared with others. On
    /// failure remove() takes back what there is.
    Result<std::string> provision(const std::string& name, const std::vector<std::string>& layers,
                                  const UserNamespace* ids = nullptr) const;
    /// Bind mounts whose source is beneath `work_dir` get one that nobody can exchange: it is
    /// looked up once, without following links, and held; with a user namespace it shows the files
    /// by the ids of that, where the file system can.
    Result<void> hold_sources(const std::string& name, const std::string& work_dir,
                              std::vector<MountPlan>& mounts,
                              const UserNamespace* ids = nullptr) const;
    /// Takes away what there is of `name`; content when there is nothing.
    Result<void> remove(const std::string& name) const;
    /// What has a directory.
    std::vector<std::string> names() const;

    std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

private:
    Result<void> make_overlay(const std::string& own, const std::vector<std::string>& layers,
                              const UserNamespace* ids) const;

    std::string directory_;
    Backend backend_;
};

/// Mounts an overlay on `target`. The options name everything by descriptor, so that neither their
/// number nor a character in a path can break them.
Result<void> mount_overlay(const std::vector<std::string>& layers, const std::string& upper,
                           const std::string& work, const std::string& target);

/// Lays one layer over what is in `target`, with owners, modes, times, attributes, hard links and
/// device nodes; its whiteouts and opaque directories remove what they hide.
Result<void> copy_layer(const std::string& layer, const std::string& target);

/// "overlay", "copy" or, for an empty name, what works in `scratch` (a directory, made here). Fails
/// with invalid_argument on other names, and when an overlay is wanted and can't be mounted. `ids`:
/// of the user namespace that containers are to have; null: none.
Result<Backend> choose_backend(const std::string& name, const std::string& scratch,
                               const UserNamespace* ids = nullptr);

/// Fails with unsupported when files in `directory` can't be shown by other ids.
Result<void> check_id_mapping(const std::string& directory, const UserNamespace& ids);

}  // namespace tepui::containerizer::oci
