#include "containerizer/docker/exec.h"

#include <signal.h>

#include <sstream>

#include <fmt/format.h>

#include "containerizer/cgroups/files.h"
#include "wire/json_writer.h"

namespace tepui::containerizer::docker {
namespace {

constexpr int k_tree_depth_max = 64;

bool is_of(std::int64_t pid, const std::string& container) {
    const std::string cgroup = cgroups::read_file(fmt::format("/proc/{}/cgroup", pid));
    return pid > 1 && !container.empty() && cgroup.find(container) != std::string::npos;
}

void kill_below(std::int64_t pid, const std::string& container, int depth) {
    if (depth > k_tree_depth_max || !is_of(pid, container)) return;
    ::kill(static_cast<pid_t>(pid), SIGSTOP);  // So that it starts no more.
    std::istringstream children(
        cgroups::read_file(fmt::format("/proc/{}/task/{}/children", pid, pid)));
    for (std::int64_t child = 0; children >> child;) kill_below(child, container, depth + 1);
    ::kill(static_cast<pid_t>(pid), SIGKILL);
}

}  // namespace

std::string exec_body(const mesos::v1::CommandInfo& command, const ExecWishes& wishes) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object().key("AttachStdout").value(true).key("AttachStderr").value(true);
    if (wishes.input) json.key("AttachStdin").value(true);
    if (wishes.terminal) json.key("Tty").value(true);
    if (!wishes.user.empty()) json.key("User").value(wishes.user);
    json.key("Cmd").begin_array();
    if (command.shell()) {
        json.value("/bin/sh").value("-c").value(command.value());
    } else {
        json.value(command.value());
        for (int i = 1; i < command.arguments_size(); ++i) json.value(command.arguments(i));
    }
    json.end_array().key("Env").begin_array();
    for (const auto& variable : command.environment().variables())
        json.value(variable.name() + "=" + variable.value());
    json.end_array().end_object();
    return out;
}

void kill_tree(std::int64_t pid, const std::string& container) { kill_below(pid, container, 0); }

void signal_process(std::int64_t pid, const std::string& container, int signal) {
    if (is_of(pid, container)) ::kill(static_cast<pid_t>(pid), signal);
}

}  // namespace tepui::containerizer::docker
