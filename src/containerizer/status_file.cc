#include "containerizer/status_file.h"

#include <algorithm>
#include <charconv>

#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

template <typename Number>
bool read_number(std::string_view& text, Number& number) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool parse_line(std::string_view key, std::string_view values, Status& status) {
    if (key == "status") return read_number(values, status.wait_status.emplace());
    if (key == "failed") {
        std::uint32_t stage = 0;
        if (!read_number(values, stage) || !read_number(values, status.failed_errno)) return false;
        status.failed_stage = static_cast<shim_stage>(stage);
        if (values.starts_with(' ')) status.failed_what = std::string(values.substr(1));
        return true;
    }
    if (key == "oom") return status.out_of_memory = true;
    if (key == "memory_limit") return read_number(values, status.memory_limit_bytes);
    if (key == "memory_peak") return read_number(values, status.memory_peak_bytes);
    return true;  // A later shim may know more.
}

double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes >> 20); }

LimitHit memory_limit_hit(const Status& status) {
    LimitHit hit;
    hit.reason = mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY;
    hit.message = fmt::format(
        "Memory limit exceeded: Requested: {}MB Maximum Used: {}MB\n\n"
        "MEMORY STATISTICS: \n{}\n",
        status.memory_limit_bytes >> 20, status.memory_peak_bytes >> 20, status.memory_stat);
    mesos::v1::Resource& memory = *hit.resources.add_resources();
    memory.set_name("mem");
    memory.set_type(mesos::v1::Value::SCALAR);
    // The request, which is what was exceeded.
    memory.mutable_scalar()->set_value(megabytes(status.memory_limit_bytes));
    return hit;
}

}  // namespace

Result<Status> parse_status(std::string_view text) {
    constexpr std::string_view k_magic = "tepui-status 1\n";
    if (!text.starts_with(k_magic)) return fail(Errc::corrupt, "this is no status file of a shim");
    text.remove_prefix(k_magic.size());
    Status status;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t space = std::min(line.find(' '), line.size());
        const std::string_view key = line.substr(0, space);
        if (key == "memory_stat") {
            status.memory_stat = std::string(text);
            break;
        }
        if (!parse_line(key, line.substr(space), status))
            return fail(Errc::corrupt, "a status file has the line '{}'", line);
    }
    return status;
}

Exited to_exited(const Status& status) {
    Exited exited{status.wait_status, std::nullopt};
    if (status.out_of_memory) exited.limit = memory_limit_hit(status);
    return exited;
}

std::string failure_text(shim_stage stage, std::int32_t error, const std::string& about) {
    const char* what = "start the task";
    const char* hint = "";
    switch (stage) {
        case SHIM_STAGE_CONFIG: what = "read what to launch"; break;
        case SHIM_STAGE_LOGS: what = "open stdout and stderr in the sandbox"; break;
        case SHIM_STAGE_CLONE: what = "create the task's process"; break;
        case SHIM_STAGE_MOUNT: what = "mount what the task is to see"; break;
        case SHIM_STAGE_CGROUP: what = "join the task's cgroups"; break;
        case SHIM_STAGE_RLIMIT: what = "set the task's resource limits"; break;
        case SHIM_STAGE_USER: what = "become the task's user"; break;
        case SHIM_STAGE_SANDBOX: what = "enter the sandbox"; break;
        case SHIM_STAGE_STDIO: what = "set the task's standard input and output"; break;
        case SHIM_STAGE_NAMESPACE: what = "enter the task's namespaces"; break;
        case SHIM_STAGE_HOSTNAME: what = "set the task's host name"; break;
        case SHIM_STAGE_DEVICE: what = "give the task its devices"; break;
        case SHIM_STAGE_OOM_SCORE:
            what = "set the task's OOM score";
            hint = " (a lower one than the agent's needs CAP_SYS_RESOURCE)";
            break;
        case SHIM_STAGE_CAPABILITIES: what = "set the task's capabilities"; break;
        case SHIM_STAGE_SECCOMP:
            what = "set the task's system call filter";
            hint =
                " (unless linux/nnp is on it needs CAP_SYS_ADMIN, and a profile that allows "
                "capset)";
            break;
        case SHIM_STAGE_TERMINAL: what = "make the task's terminal"; break;
        case SHIM_STAGE_RUNTIME: what = "run the OCI runtime"; break;
        case SHIM_STAGE_NONE: break;
    }
    const std::string object = about.empty() ? "" : fmt::format(" ('{}')", about);
    return fmt::format("cannot {}{}: {}{}", what, object, errno_text(error), hint);
}

}  // namespace tepui::containerizer
