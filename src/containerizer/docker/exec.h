#pragma once

#include <cstdint>
#include <string>

#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::docker {

/// How a command within a container talks to who asked for it.
struct ExecWishes {
    bool input = false;     // It has a stdin.
    bool terminal = false;  // Its stdio is a pseudo terminal.
    std::string user = {};  // As the image knows it; empty: the container's.
};

/// The body of containers/ID/exec: the command and its variables, in the container's directory and
/// above its environment. Pure.
std::string exec_body(const mesos::v1::CommandInfo& command, const ExecWishes& wishes);

/// Ends the process and what it started, children first. `container`: the Engine's id, which its
/// cgroup is named after; a process of another is left alone.
void kill_tree(std::int64_t pid, const std::string& container);
/// Signals the process, unless it is of another container.
void signal_process(std::int64_t pid, const std::string& container, int signal);

}  // namespace tepui::containerizer::docker
