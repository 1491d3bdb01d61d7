#include "containerizer/fetcher/hadoop.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "containerizer/child_process.h"
#include "containerizer/fetcher/plan.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr Duration k_time_max = 24h;  // What stalls ends earlier.
constexpr std::size_t k_reason_bytes_max = 300;
constexpr int k_standard_error = 2;

bool is_program(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

std::string value(const Variables& variables, const std::string& name) {
    const auto it = variables.find(name);
    return it == variables.end() ? "" : it->second;
}

/// Bytes of the file; the client writes `FILE._COPYING_` first.
std::uint64_t size_of(const std::string& path) {
    struct stat stat{};
    for (const char* suffix : {"", "._COPYING_"})
        if (::stat((path + suffix).c_str(), &stat) == 0)
            return static_cast<std::uint64_t>(stat.st_size);
    return 0;
}

/// The last line that says something; Java's stack traces come before it or not at all.
std::string reason_of(std::string output) {
    while (!output.empty() && (output.back() == '\n' || output.back() == ' ')) output.pop_back();
    const std::size_t line = output.rfind('\n');
    std::string reason = line == std::string::npos ? output : output.substr(line + 1);
    std::erase_if(reason, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (reason.size() > k_reason_bytes_max) reason.resize(k_reason_bytes_max);
    return reason;
}

}  // namespace

std::optional<std::string> find_hadoop(const std::string& hadoop_home, const Variables& agent) {
    if (!hadoop_home.empty()) {
        const std::string client = hadoop_home + "/bin/hadoop";
        return is_program(client) ? std::optional(client) : std::nullopt;
    }
    if (const std::string home = value(agent, "HADOOP_HOME"); !home.empty())
        if (const std::string client = home + "/bin/hadoop"; is_program(client)) return client;
    std::string_view path_text;
    const std::string path = value(agent, "PATH");
    for (path_text = path; !path_text.empty();) {
        const std::size_t end = std::min(path_text.find(':'), path_text.size());
        const std::string client = std::string(path_text.substr(0, end)) + "/hadoop";
        if (client.starts_with('/') && is_program(client)) return client;
        path_text.remove_prefix(std::min(end + 1, path_text.size()));
    }
    return std::nullopt;
}

Result<void> hadoop_copy(const HadoopCopy& copy, const std::atomic<bool>& cancelled) {
    ChildProgram program;
    program.path = copy.client;
    program.argv = {"hadoop", "fs", "-copyToLocal", copy.uri, copy.to};
    for (const auto& [name, text] : copy.environment)
        if (name != "HADOOP_USER_NAME") program.environment.push_back(name + "=" + text);
    if (!copy.user.empty()) program.environment.push_back("HADOOP_USER_NAME=" + copy.user);
    ChildLimits limits;
    limits.time_max = k_time_max;
    limits.cancelled = &cancelled;
    std::uint64_t seen = 0;
    auto grew = std::chrono::steady_clock::now();
    limits.give_up = [&]() -> std::optional<Error> {
        const std::uint64_t size = size_of(copy.to);
        if (size > copy.bytes_max)
            return Error{
                Errc::too_large,
                fmt::format("it is larger than the agent allows ({} bytes)", copy.bytes_max)};
        const auto now = std::chrono::steady_clock::now();
        if (size != seen) grew = now;
        seen = size;
        if (now - grew < copy.stall_timeout) return std::nullopt;
        return Error{Errc::timeout, fmt::format("the hadoop client wrote nothing for {}",
                                                format_duration(copy.stall_timeout))};
    };
    const ChildEnd end = TEPUI_TRY(run_child(program, k_standard_error, limits));
    if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0) return {};
    const std::string how = WIFSIGNALED(end.status)
                                ? fmt::format("signal {}", WTERMSIG(end.status))
                                : fmt::format("status {}", WEXITSTATUS(end.status));
    return fail(Errc::io, "the hadoop client ended with {}: {}", how, reason_of(end.output));
}

}  // namespace tepui::containerizer::fetcher
