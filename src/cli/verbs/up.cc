#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "cli/cluster/names.h"
#include "cli/cluster/supervisor.h"
#include "cli/verbs/local_cluster.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

constexpr std::string_view usual_port = "5050";

template <typename Number>
Result<Number> number_of(const Parsed& parsed, const std::string& name, Number least, Number most) {
    const std::string text = parsed.value(name);
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() ||
        !(number >= least && number <= most)) {
        return fail(Errc::invalid_argument, "--{}: '{}' is not a number from {} to {}", name, text,
                    least, most);
    }
    return number;
}

Result<ClusterRequest> make_request(const Parsed& parsed, const Console& console) {
    constexpr double cpus_least = 0.1;
    constexpr double cpus_most = 10'000;
    ClusterRequest request;
    request.work_dir = cluster_work_dir(parsed, console);
    request.port = TEPUI_TRY(number_of<std::uint16_t>(parsed, "port", 1, 65'535));
    request.agents = TEPUI_TRY(number_of<std::size_t>(parsed, "agents", 1, 100));
    if (parsed.given("cpus-per-agent")) {
        const double cpus =
            TEPUI_TRY(number_of<double>(parsed, "cpus-per-agent", cpus_least, cpus_most));
        request.cpus_per_agent = Quantity::from_double(cpus);
    }
    if (parsed.given("memory-per-agent")) {
        request.memory_mb_per_agent = TEPUI_TRY(parse_megabytes(parsed.value("memory-per-agent")));
    }
    return request;
}

std::string welcome(const ClusterPlan& plan, const Parsed& parsed, bool detached) {
    const bool usual = parsed.value("port") == usual_port;
    const std::string master = usual ? "" : fmt::format("--master {} ", plan.address());
    const std::string work_dir = parsed.given("work-dir") ? " --work-dir " + plan.work_dir : "";
    std::string text = fmt::format(
        "Tepui is up: master {}, {} agent{} with {} each\n  logs and state: {}\n"
        "  try: tepui run {}-- echo hello\n",
        plan.address(), plan.agents.size(), plan.agents.size() == 1 ? "" : "s",
        plan.agent_resources, plan.work_dir, master);
    text += detached ? fmt::format("  stop: tepui down{}\n", work_dir) : "  stop: Ctrl-C\n";
    return text;
}

std::unexpected<Failure> up_failure(const Error& error, const Parsed& parsed,
                                    const Console& console) {
    std::string next;
    if (error.code == Errc::conflict) {
        const bool port = error.text.starts_with("port ");
        next = port ? "tepui up --port 6050, or end what uses the port"
                    : fmt::format("tepui down --work-dir {}", cluster_work_dir(parsed, console));
    }
    return give_up("up", error, std::move(next));
}

Outcome supervise(const Console& console, const Parsed& parsed, const ClusterPlan& plan,
                  Duration deadline, std::function<void()> ready) {
    SupervisorReports reports;
    reports.progress = [&console](const std::string& line) { console.err("  " + line + "\n"); };
    reports.ready = std::move(ready);
    asio::io_context loop(1);
    Supervisor supervisor(plan, deadline, std::move(reports));
    Result<void> result;
    asio::co_spawn(loop, supervisor.run(), [&](std::exception_ptr error, Result<void> ended) {
        result = error ? fail(Errc::internal, "the supervisor failed") : std::move(ended);
        loop.stop();
    });
    loop.run();
    if (!result) return up_failure(result.error(), parsed, console);
    return 0;
}

void point_at(int descriptor, const char* path, int flags) {
    const int file = ::open(path, flags, 0644);
    if (file < 0) return;
    ::dup2(file, descriptor);
    ::close(file);
}

/// The supervisor goes on in a child of its own session; this process ends once the cluster is up.
/// The child keeps our terminal until then, so that progress, errors and Ctrl-C are as in the
/// foreground.
Outcome supervise_detached(const Console& console, const Parsed& parsed, const ClusterPlan& plan,
                           Duration deadline) {
    int link[2];
    if (::pipe2(link, O_CLOEXEC) != 0) {
        return give_up(
            "up", Error{Errc::io, fmt::format("cannot make a pipe: {}", std::strerror(errno))});
    }
    const pid_t child = ::fork();
    if (child < 0) {
        return give_up("up", Error{Errc::io, fmt::format("cannot fork: {}", std::strerror(errno))});
    }
    if (child > 0) {
        ::close(link[1]);
        unsigned char code = 1;
        while (::read(link[0], &code, 1) < 0 && errno == EINTR) {
        }
        ::close(link[0]);
        return code;
    }
    ::close(link[0]);
    // What the caller had open, say a pipe of a script, would stay open as long as the cluster.
    ::close_range(STDERR_FILENO + 1, link[1] - 1, 0);
    ::close_range(link[1] + 1, ~0U, 0);
    const auto tell = [&link](unsigned char code) {
        (void)!::write(link[1], &code, 1);
        ::close(link[1]);
    };
    bool told = false;
    const Outcome outcome = supervise(console, parsed, plan, deadline, [&] {
        console.out(welcome(plan, parsed, true));
        ::setsid();
        const std::string log = plan.work_dir + "/supervisor.log";
        point_at(STDIN_FILENO, "/dev/null", O_RDONLY);
        point_at(STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND);
        point_at(STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND);
        told = true;
        tell(0);
    });
    if (!outcome) console.err(to_string(outcome.error()));
    const int code = outcome ? *outcome : static_cast<int>(exit_for(outcome.error().why.code));
    if (!told) tell(static_cast<unsigned char>(code));
    ::_exit(code);
}

Outcome run(const Console& console, const Parsed& parsed) {
    const auto request = make_request(parsed, console);
    if (!request) return give_up("up", request.error(), "tepui help up");
    const auto deadline = parse_duration(parsed.value("timeout"));
    if (!deadline) return give_up("up", deadline.error(), "tepui help up");
    const auto plan = plan_cluster(*request, this_machine(request->work_dir));
    if (!plan) return give_up("up", plan.error(), "tepui help up");
    if (parsed.enabled("detach")) return supervise_detached(console, parsed, *plan, *deadline);
    return supervise(console, parsed, *plan, *deadline,
                     [&] { console.out(welcome(*plan, parsed, false)); });
}

Flag value_flag(std::string name, std::string value_name, std::string fallback, std::string help) {
    Flag flag;
    flag.name = std::move(name);
    flag.value_name = std::move(value_name);
    flag.fallback = std::move(fallback);
    flag.help = std::move(help);
    return flag;
}

}  // namespace

std::string default_work_dir(const Console& console, unsigned uid) {
    if (uid == 0) return "/var/lib/tepui";
    const std::string state_home = console.environment("XDG_STATE_HOME").value_or("");
    if (!state_home.empty()) return state_home + "/tepui";
    return console.environment("HOME").value_or("/tmp") + "/.local/state/tepui";
}

std::string cluster_work_dir(const Parsed& parsed, const Console& console) {
    if (parsed.given("work-dir")) return absolute_path(parsed.value("work-dir"));
    return absolute_path(default_work_dir(console, ::geteuid()));
}

Flag work_dir_flag() {
    return value_flag(
        "work-dir", "DIR", "",
        "Where the cluster keeps everything. Without it: /var/lib/tepui for root, else "
        "$XDG_STATE_HOME/tepui or ~/.local/state/tepui. Clusters in different directories "
        "do not meet, as long as their ports differ.");
}

Verb up_verb() {
    Verb verb;
    verb.manual.name = "up";
    verb.manual.summary = "start a local cluster";
    verb.manual.synopsis = {"up [OPTION]..."};
    verb.manual.description = {
        "Starts a master and agents on this machine, waits until all agents are registered, and "
        "says "
        "what to try next. Everything listens on 127.0.0.1 only. The machine's CPUs, memory and "
        "disk are "
        "split between the agents, with something kept back for the machine itself.",
        "In the foreground it stays until Ctrl-C and then ends the whole cluster, tasks included. "
        "With "
        "--detach it leaves the cluster running; `tepui down` ends it. A daemon that dies is "
        "started "
        "again. The cluster's state stays in the work directory and is used again by the next "
        "`tepui up`.",
    };
    verb.manual.examples = {
        {"tepui up", "a master on port 5050 and two agents on 5051 and 5052"},
        {"tepui up --detach --agents 3 --port 7000 --work-dir /tmp/test",
         "a second cluster, in the background"},
    };
    Flag agents = value_flag("agents", "NUMBER", "2", "How many agents.");
    agents.letter = 'n';
    Flag detach;
    detach.name = "detach";
    detach.letter = 'd';
    detach.kind = FlagKind::boolean;
    detach.help = "Return once the cluster is up, and leave it running.";
    verb.flags.flags = {
        agents,
        value_flag("port", "PORT", std::string(usual_port),
                   "The master's port; the agents get the ones after it."),
        work_dir_flag(),
        detach,
        value_flag("cpus-per-agent", "NUMBER", "",
                   "CPUs an agent offers, whatever the machine has."),
        value_flag("memory-per-agent", "SIZE", "", "Memory an agent offers: 2GB, 512MB."),
        value_flag("timeout", "DURATION", "30secs", "How long the agents may take to register."),
    };
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
