#include "cli/daemon/limit_flags.h"

#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"

namespace tepui::cli {

namespace {

constexpr std::uint64_t number_max = 1'000'000'000;
constexpr Bytes request_bytes_min = Bytes::kilobytes(4);
constexpr Bytes bytes_max = Bytes::gigabytes(1);

Flag number_flag(std::string name, std::string fallback, std::string help) {
    return daemon_flag("Limits", std::move(name), "NUMBER", std::move(fallback), std::move(help),
                       whole_number_between(0, number_max));
}

Flag bytes_flag(std::string name, std::string fallback, std::string help, Bytes least) {
    return daemon_flag("Limits", std::move(name), "BYTES", std::move(fallback), std::move(help),
                       bytes_between(least, bytes_max));
}

std::size_t number_of(const Parsed& parsed, std::string_view name) {
    return parse_whole(parsed.value(name)).value_or(0);
}

}  // namespace

std::size_t bytes_of(const Parsed& parsed, std::string_view name) {
    return parse_bytes(parsed.value(name)).value_or(Bytes{}).count;
}

Flag config_flag() {
    return daemon_flag("Configuration", "config", "FILE", "",
                       "A file of flags, a line each: FLAG = VALUE. Empty lines and those that "
                       "begin with # say nothing. The environment and the command line count more.",
                       not_empty());
}

std::vector<Flag> server_limit_flags(std::string connections) {
    const auto connections_flag = [&](std::string name, std::string help) {
        return daemon_flag("Limits", std::move(name), "NUMBER", connections, std::move(help),
                           whole_number_between(1, number_max));
    };
    return {
        connections_flag("max_connections",
                         "Connections that are open at a time; one more is answered 503."),
        connections_flag("max_connections_per_ip", "The same of those from one address."),
        bytes_flag("max_request_bytes", "64MB",
                   "The longest body of a request, also when it is unpacked; a longer one is "
                   "answered 413.",
                   request_bytes_min),
    };
}

void read_server_limits(const Parsed& parsed, http::ServerOptions& http) {
    http.connections_max = number_of(parsed, "max_connections");
    http.connections_per_ip_max = number_of(parsed, "max_connections_per_ip");
    http.body_bytes_max = bytes_of(parsed, "max_request_bytes");
}

Flag message_limit_flag(std::string help) {
    return bytes_flag("max_message_bytes", "16MB", std::move(help), Bytes{0});
}

std::vector<Flag> master_limit_flags() {
    std::vector<Flag> flags = {
        number_flag("max_frameworks", "100000",
                    "Frameworks there may be, connected or not; the subscription of one more is "
                    "refused. Each has one stream of events, so this limits the schedulers' too."),
        number_flag("max_tasks", "10000000",
                    "Tasks there may be whose end is not acknowledged; one more is TASK_ERROR."),
        number_flag("max_tasks_per_framework", "5000000", "The same of one framework."),
        number_flag("max_attributes_per_agent", "10000",
                    "Attributes that an agent may have; one with more is not admitted."),
        number_flag("max_labels", "10000",
                    "Labels that a framework, a task or an executor may have; one with more is "
                    "refused."),
        bytes_flag("max_task_data_bytes", "16MB",
                   "The longest 'data' of a task or an executor; a task with more is TASK_ERROR.",
                   Bytes{0}),
        message_limit_flag("The longest message of a scheduler to an executor; a longer one is "
                           "answered 413."),
    };
    for (Flag& flag : server_limit_flags("100000")) flags.push_back(std::move(flag));
    return flags;
}

master::Limits read_master_limits(const Parsed& parsed) {
    master::Limits limits;
    limits.frameworks = number_of(parsed, "max_frameworks");
    limits.tasks = number_of(parsed, "max_tasks");
    limits.tasks_per_framework = number_of(parsed, "max_tasks_per_framework");
    limits.attributes_per_agent = number_of(parsed, "max_attributes_per_agent");
    limits.labels = number_of(parsed, "max_labels");
    limits.task_data_bytes = bytes_of(parsed, "max_task_data_bytes");
    limits.message_bytes = bytes_of(parsed, "max_message_bytes");
    return limits;
}

}  // namespace tepui::cli
