// tepui-load: drives a real master, and stands in for agents, for the benchmarks in bench/*.py.
// Prints one line of JSON with what it found; exit status 1 and a sentence on stderr when the run
// failed.

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "bench/load/fanout_load.h"
#include "bench/load/floor.h"
#include "bench/load/launch_load.h"
#include "bench/load/offer_load.h"
#include "bench/load/probe_floor.h"
#include "bench/load/simulated_agents.h"
#include "bench/load/start_load.h"
#include "bench/load/tasks_load.h"
#include "bench/load/updates_load.h"

namespace tepui::bench {
namespace {

struct Options {
    std::string master = "127.0.0.1:5050";
    std::size_t tasks = 1'000;
    unsigned deadline_seconds = 120;
    unsigned agents = 1'000;
    unsigned connections = 8;
    double agent_cpus = 10;
    double agent_mem_mb = 10'000;
    bool tasks_stay = false;
    bool agents_come_back = false;
    bool hold = false;
    pid_t master_pid = 0;
    std::size_t frameworks = 1;
    unsigned floor_count = 400;
    unsigned floor_threads = 2;
    unsigned readers = 100;
    unsigned stalled_percent = 5;
    unsigned events_per_second = 2'000;
    unsigned seconds = 10;
    unsigned updates = 3;
    TaskShape shape;
    ProbeFloor probes;
};

int report(const Result<Figures>& figures) {
    if (figures) {
        figures->print();
        return 0;
    }
    fmt::print(stderr, "tepui-load: {}\n", figures.error().text);
    return 1;
}

/// Runs until the load stops the loop, or the deadline does.
template <typename Load>
int drive(asio::io_context& io, Load& load, const Options& options) {
    asio::steady_timer deadline(io, std::chrono::seconds(options.deadline_seconds));
    deadline.async_wait([&io](boost::system::error_code error) {
        if (!error) io.stop();
    });
    load.start();
    io.run();
    return report(load.figures());
}

int simulate_agents(const Options& options, const http::Url& master) {
    asio::io_context io(1);
    int status = 0;
    SimulatedAgents agents(io,
                           {master, options.agents, options.connections, options.agent_cpus,
                            options.agent_mem_mb, options.tasks_stay, options.agents_come_back},
                           {[] {
                                fmt::print("ready\n");
                                std::fflush(stdout);
                            },
                            [&](const Error& error) {
                                fmt::print(stderr, "tepui-load: {}\n", error.text);
                                status = 1;
                                io.stop();
                            },
                            {}});
    asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&io](boost::system::error_code, int) { io.stop(); });
    agents.start();
    io.run();
    return status;
}

/// Keeps what is open until a signal comes: frameworks stay connected, and their tasks run.
void hold_until_signal() {
    std::fflush(stdout);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    int signal = 0;
    ::sigwait(&signals, &signal);
}

int tasks(const Options& options, const http::Url& master) {
    TaskShape shape = options.shape;
    if (options.tasks_stay) shape.arguments = {"stay"};
    asio::io_context io(1);
    TasksLoad load(io, {master, options.master_pid, options.tasks, options.frameworks,
                        options.connections, shape});
    const int status = drive(io, load, options);
    if (status == 0 && options.hold) hold_until_signal();
    return status;
}

int updates(const Options& options, const http::Url& master) {
    asio::io_context io(1);
    UpdatesLoad load(
        io, {master, options.master_pid, options.tasks, options.updates, options.agents,
             options.connections, options.agent_cpus, options.agent_mem_mb, options.shape});
    return drive(io, load, options);
}

int fanout(const Options& options, const http::Url& master) {
    asio::io_context io(1);
    FanoutLoad load(io, {master, options.master_pid, options.readers, options.stalled_percent,
                         options.events_per_second, options.seconds, options.shape});
    return drive(io, load, options);
}

int offers(const Options& options, const http::Url& master) {
    asio::io_context io(1);
    OfferLoad load(
        io, {master, options.tasks, options.frameworks, options.events_per_second, options.agents,
             options.connections, options.agent_cpus, options.agent_mem_mb, options.shape});
    return drive(io, load, options);
}

std::string floor_name() { return fmt::format("tepui-load-{}", ::getpid()); }

int start(const Options& options, const http::Url& master) {
    Result<Floor> floor = Floor::make(floor_name(), options.shape.program);
    if (!floor) return report(std::unexpected(floor.error()));
    asio::io_context io(1);
    StartLoad load(io, {master, options.tasks, options.shape}, std::move(*floor));
    return drive(io, load, options);
}

/// The floor's rate alone: the caller runs it before and after what it is compared with.
int floor_rate(const Options& options, const http::Url&) {
    const Result<Floor> floor = Floor::make(floor_name(), options.shape.program);
    if (!floor) return report(std::unexpected(floor.error()));
    const Result<double> rate = floor->rate(options.floor_count, options.floor_threads);
    if (!rate) return report(std::unexpected(rate.error()));
    Figures figures;
    figures.add("containers_per_second", *rate);
    return report(figures);
}

int launch(const Options& options, const http::Url& master) {
    Options staying = options;
    if (options.tasks_stay) staying.shape.arguments = {"stay"};
    asio::io_context io(1);
    LaunchLoad load(io, {master, options.tasks, options.tasks_stay, staying.shape});
    return drive(io, load, options);
}

int run(int argc, char** argv) {
    Options options;
    CLI::App app("The load generator of Tepui's benchmarks");
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--master", options.master, "HOST:PORT");
    app.add_option("--tasks", options.tasks, "How many tasks to run");
    app.add_option("--deadline", options.deadline_seconds,
                   "Seconds until the run counts as failed");
    app.add_option("--connections", options.connections, "Of all agents, or of each framework");
    app.add_option("--task-cpus", options.shape.cpus, "Of each task");
    app.add_option("--task-mem", options.shape.mem_mb, "MB of each task");
    app.add_option("--task-name", options.shape.name, "Simulated tasks named 'ends' do not stay");
    app.add_option("--program", options.shape.program, "The path of tepui-noop");
    app.add_option("--image", options.shape.image, "A Docker image of each task");
    app.add_flag("--stay", options.tasks_stay, "Tasks do not end by themselves");

    auto* agents_command =
        app.add_subcommand("simulate-agents", "Agents without containers, until a signal");
    agents_command->add_option("--agents", options.agents, "How many");
    agents_command->add_option("--cpus", options.agent_cpus, "Of each agent");
    agents_command->add_option("--mem", options.agent_mem_mb, "MB of each agent");
    agents_command->add_flag("--come-back", options.agents_come_back,
                             "When the master is gone: to the next one, with their tasks");
    auto* updates_command =
        app.add_subcommand("updates", "Updates of running tasks, at full and at half load");
    updates_command->add_option("--master-pid", options.master_pid, "Whose CPU time is counted")
        ->required();
    updates_command->add_option("--agents", options.agents, "How many");
    updates_command->add_option("--cpus", options.agent_cpus, "Of each agent");
    updates_command->add_option("--mem", options.agent_mem_mb, "MB of each agent");
    updates_command->add_option("--updates", options.updates, "Of each task in each part");
    auto* tasks_command =
        app.add_subcommand("tasks", "Tasks from ACCEPT to TASK_RUNNING acknowledged");
    tasks_command->add_option("--master-pid", options.master_pid, "Whose CPU time is counted")
        ->required();
    tasks_command->add_flag("--hold", options.hold, "Stay connected afterwards, until a signal");
    tasks_command->add_option("--frameworks", options.frameworks, "How many share the tasks");
    auto* offers_command =
        app.add_subcommand("offers", "From the ends of tasks to the offers of what they had");
    offers_command->add_option("--frameworks", options.frameworks, "How many share the agents");
    offers_command->add_option("--rate", options.events_per_second, "Ends a second");
    offers_command->add_option("--agents", options.agents, "How many, each with one task");
    offers_command->add_option("--cpus", options.agent_cpus, "Of each agent");
    offers_command->add_option("--mem", options.agent_mem_mb, "MB of each agent");
    auto* fanout_command =
        app.add_subcommand("fanout", "Readers of the operator event stream at a steady rate");
    fanout_command->add_option("--master-pid", options.master_pid, "Whose memory is read")
        ->required();
    fanout_command->add_option("--readers", options.readers, "How many, stalled ones included");
    fanout_command->add_option("--stalled-percent", options.stalled_percent, "That never read");
    fanout_command->add_option("--rate", options.events_per_second, "Events a second");
    fanout_command->add_option("--seconds", options.seconds, "Of events");
    auto* start_command =
        app.add_subcommand("start", "One task at a time, and the floor beside it");
    auto* launch_command = app.add_subcommand("launch", "Tasks up and down on one agent");
    auto* floor_command = app.add_subcommand("floor", "Bare containers up and down");
    floor_command->add_option("--count", options.floor_count, "How many");
    floor_command->add_option("--threads", options.floor_threads, "At a time");
    auto* probes_command = app.add_subcommand("probes", "Bare looks at something, one by one");
    probes_command->add_option("--kind", options.probes.kind, "http, tcp or command");
    probes_command->add_option("--port", options.probes.port, "Of 127.0.0.1");
    probes_command->add_option("--shell", options.probes.command, "A command for /bin/sh");
    probes_command->add_option("--count", options.probes.count, "How many");
    CLI11_PARSE(app, argc, argv);
    if (*probes_command) return report(probe_floor(options.probes));

    const Result<http::Url> master = http::parse_url(options.master);
    if (!master) return report(std::unexpected(master.error()));
    if (*agents_command) return simulate_agents(options, *master);
    if (*tasks_command) return tasks(options, *master);
    if (*updates_command) return updates(options, *master);
    if (*offers_command) return offers(options, *master);
    if (*fanout_command) return fanout(options, *master);
    if (*start_command) return start(options, *master);
    return *launch_command ? launch(options, *master) : floor_rate(options, *master);
}

}  // namespace
}  // namespace tepui::bench

int main(int argc, char** argv) {
    try {
        return tepui::bench::run(argc, argv);
    } catch (const std::exception& exception) {
        fmt::print(stderr, "tepui-load: {}\n", exception.what());
        return 1;
    }
}
