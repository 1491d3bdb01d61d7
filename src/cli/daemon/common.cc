#include <arpa/inet.h>
#include <fmt/core.h>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"

namespace tepui::cli {

namespace {

bool is_loopback(const std::string& ip) {
    in_addr v4 = {};
    constexpr std::uint32_t loopback_net = 127;
    if (::inet_pton(AF_INET, ip.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == loopback_net;
    in6_addr v6 = {};
    return ::inet_pton(AF_INET6, ip.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<void> check_ip(std::string_view text) {
    const std::string ip(text);
    in_addr v4 = {};
    in6_addr v6 = {};
    if (::inet_pton(AF_INET, ip.c_str(), &v4) == 1 || ::inet_pton(AF_INET6, ip.c_str(), &v6) == 1)
        return {};
    return fail(Errc::invalid_argument, "'{}' is not an IP address", text);
}

}  // namespace

Result<void> check_listen(const Parsed& parsed) {
    const std::string ip = parsed.value("ip");
    if (is_loopback(ip) || parsed.enabled("insecure_listen")) return {};
    return fail(
        Errc::invalid_argument,
        "--ip={}: this version authenticates nobody, so whoever reaches that address could run "
        "anything here. Listen on 127.0.0.1, or give --insecure_listen if the network is guarded "
        "by other means",
        ip);
}

Flag daemon_flag(std::string group, std::string name, std::string value_name, std::string fallback,
                 std::string help, std::function<Result<void>(std::string_view)> check) {
    Flag flag;
    flag.group = std::move(group);
    flag.name = std::move(name);
    flag.value_name = std::move(value_name);
    flag.fallback = std::move(fallback);
    flag.help = std::move(help);
    flag.check = std::move(check);
    return flag;
}

Flag daemon_switch(std::string group, std::string name, std::string fallback, std::string help) {
    Flag flag =
        daemon_flag(std::move(group), std::move(name), "", std::move(fallback), std::move(help));
    flag.kind = FlagKind::boolean;
    return flag;
}

std::vector<Flag> network_flags(std::string port) {
    return {
        daemon_flag("Network", "ip", "IP", "127.0.0.1",
                    "The address to listen on. One beyond loopback needs --insecure_listen.",
                    check_ip),
        daemon_flag("Network", "port", "PORT", std::move(port), "The TCP port; 0 takes a free one.",
                    whole_number_between(0, 65'535)),
        daemon_flag("Network", "hostname", "NAME", "",
                    "The name others are told to reach this daemon by. Without it: the address."),
        daemon_flag("Network", "advertise_ip", "IP", "",
                    "The address others are told, where it is not the one listened on.", check_ip),
        daemon_flag("Network", "advertise_port", "PORT", "",
                    "The port others are told, where it is not the one listened on.",
                    whole_number_between(1, 65'535)),
        daemon_switch(
            "Network", "insecure_listen", "false",
            "Listen on the --ip given although nobody is authenticated. Whoever reaches the port "
            "can run anything on the cluster."),
    };
}

daemon::LogOptions log_options(const Parsed& parsed) {
    daemon::LogOptions log;
    log.to_stderr = !parsed.enabled("quiet");
    const std::string level = parsed.value("logging_level");
    log.least = level == "ERROR"     ? Severity::error
                : level == "WARNING" ? Severity::warning
                                     : Severity::info;
    if (parsed.given("log_dir")) log.directory = absolute_path(parsed.value("log_dir"));
    return log;
}

std::vector<Flag> logging_flags() {
    return {
        daemon_switch("Logging", "quiet", "false",
                      "Write no log to standard error. The log file stays."),
        daemon_flag("Logging", "log_dir", "PATH", "",
                    "Where the log file is, rotated. Without it: work_dir/log.", not_empty()),
        daemon_flag("Logging", "logging_level", "LEVEL", "INFO",
                    "The least that the log tells: INFO, WARNING or ERROR.",
                    one_of({"INFO", "WARNING", "ERROR"})),
    };
}

}  // namespace tepui::cli
