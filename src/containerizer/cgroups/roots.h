#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer::cgroups {

// The cgroups that hold those of all containers of an agent: `<mount>/<root>`, and what is between
// them. Each that an agent makes carries a mark (an extended attribute), so that an agent that ends
// for good removes those and no operator's, whichever process of whichever agent made them.

/// One mount point of each cgroup hierarchy of this machine, those without a controller of ours
/// among them; v1 and v2.
std::vector<std::string> mount_points();

/// Makes `root` (relative) in the hierarchy mounted at `mount`, and what it is in. What is
/// there already stays as it is, without a mark.
Result<void> make_root(const std::string& mount, const std::string& root);

/// Makes it wherever an OCI runtime will make cgroups, which is in every hierarchy; where this
/// process may.
void make_roots_for_runtime(const std::string& root);

/// Removes `root` and what it is in, from the innermost outwards, up to the first one that is not
/// empty or carries no mark.
void remove_root(const std::string& mount, const std::string& root);

/// The same in every hierarchy of this machine.
void remove_roots(const std::string& root);

}  // namespace tepui::containerizer::cgroups
