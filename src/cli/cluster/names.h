#pragma once

#include <string>
#include <string_view>

namespace tepui::cli {

/// What tells the agents and clusters of one host apart: 12 hexadecimal digits made of the path of
/// a work directory. Stable over versions, because a later `tepui down` or agent looks for it.
std::string work_dir_tag(std::string_view absolute_work_dir);

/// The root cgroup of an agent: "tepui/TAG".
std::string agent_cgroups_root(std::string_view absolute_work_dir);

/// Where an agent's sockets are: "run" in its work directory while that leaves enough of the 107
/// bytes of a socket's path; else "/run/tepui/TAG" for root, and for others the same beneath
/// XDG_RUNTIME_DIR
/// (`xdg`) or, without one, "/tmp/tepui-UID/TAG".
std::string agent_runtime_dir(std::string_view absolute_work_dir, unsigned uid,
                              std::string_view xdg);

/// The path made absolute and clean; a relative one begins at the current directory. Symbolic links
/// are followed as far as they exist, so that one directory has one name.
std::string absolute_path(std::string_view path);

}  // namespace tepui::cli
