#include "agent/agent.h"

#include <atomic>
#include <condition_variable>
#include <future>

#include "agent/agent_outlets.h"
#include "agent/core_loop.h"
#include "agent/detect.h"
#include "agent/disk_watch.h"
#include "agent/oversubscription.h"
#include "agent/routes/routes.h"
#include "agent/task_paths.h"
#include "daemon/files.h"
#include "daemon/http_metrics.h"
#include "daemon/log.h"
#include "daemon/shared_routes.h"
#include "daemon/timings.h"
#include "daemon/version.h"
#include "env/posix/worker_pool.h"
#include "http/server.h"

namespace tepui::agent {
namespace {

/// Of Mesos' agent capabilities those that this agent keeps.
const std::vector<std::string> capabilities = {
    "MULTI_ROLE",          "HIERARCHICAL_ROLE",        "RESERVATION_REFINEMENT",
    "RESIZE_VOLUME",       "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS"};

/// An address that others can use; the wildcard is none.
std::string reported_ip(const AgentOptions& options) {
    if (!options.advertise_ip.empty()) return options.advertise_ip;
    return options.ip == "0.0.0.0" ? "127.0.0.1" : options.ip;
}

std::string reported_hostname(const AgentOptions& options) {
    return options.hostname.empty() ? reported_ip(options) : options.hostname;
}

std::map<std::string, std::string> all_flags(const AgentOptions& options, std::uint16_t port) {
    std::map<std::string, std::string> flags = options.flags;
    const auto add = [&](const char* name, std::string value) {
        flags.try_emplace(name, std::move(value));
    };
    add("ip", options.ip);
    add("port", std::to_string(port));
    add("hostname", reported_hostname(options));
    add("master", options.master);
    add("work_dir", options.work_dir);
    add("runtime_dir", options.runtime_dir);
    add("default_role", options.default_role);
    add("cgroups_root", options.containerizer.cgroups_root);
    add("cgroups_enable_cfs", options.containerizer.cgroups_enable_cfs ? "true" : "false");
    add("strict", options.core.strict ? "true" : "false");
    add("switch_user", options.core.switch_user ? "true" : "false");
    add("gc_delay", format_duration(options.core.gc_delay));
    add("registration_backoff_factor", format_duration(options.core.registration_backoff));
    if (!options.resources.empty()) add("resources", options.resources);
    if (!options.attributes.empty()) add("attributes", options.attributes);
    std::string isolation;
    for (const std::string& name : options.containerizer.isolation) {
        if (!isolation.empty()) isolation += ',';
        isolation += name;
    }
    add("isolation", isolation);
    return flags;
}

std::vector<FoundContainer> to_core(std::vector<containerizer::Found> found) {
    std::vector<FoundContainer> list;
    for (containerizer::Found& each : found) {
        FoundContainer container{each.container, each.pid, each.running, std::nullopt,
                                 std::nullopt};
        container.container_status = std::move(each.status);
        container.data = std::move(each.data);
        if (each.exited) {
            container.status = each.exited->status;
            container.limitation = to_limitation(each.exited->limit);
        }
        list.push_back(std::move(container));
    }
    return list;
}

void measure_fetches(const containerizer::FetchStats& stats,
                     std::map<std::string, double>& metrics) {
    const auto add = [&](const std::string& name, std::uint64_t value) {
        metrics["containerizer/fetcher/" + name] = static_cast<double>(value);
    };
    add("cache_size_total_bytes", stats.cache_bytes_total);
    add("cache_size_used_bytes", stats.cache_bytes_used);
    add("cache_hits", stats.cache_hits);
    add("cache_misses", stats.cache_misses);
    add("bytes_fetched", stats.bytes_fetched);
    add("downloads_active", stats.downloads);
    add("retries", stats.retries);
}

}  // namespace

class Agent::Impl {
public:
    Impl(AgentOptions options, AgentParts parts)
        : options_(std::move(options)), parts_(std::move(parts)) {}
    ~Impl() {
        stop();
        // The link's timer and connections live on the loop's context, so they go first.
        link_.reset();
        outlets_.reset();
        loop_.reset();
    }

    Result<void> start() {
        log_ = TEPUI_TRY(daemon::Log::open(options_.log, options_.work_dir, "agent"));
        TEPUI_CHECK_OK(start_server());
        auto core = make_core();
        if (!core) return std::unexpected(core.error());
        for (const std::string& warning : parts_.containerizer->warnings()) log_->warning(warning);
        parts_.containerizer->log_to([log = log_](const std::string& text) { log->info(text); });
        if (!log_->path().empty()) files_.attach("/slave/log", log_->path());
        for (const auto& [container, sandbox] : (*core)->state().sandboxes) {
            attach_sandbox(files_, options_.work_dir, sandbox.path);
        }
        attach_pod_tasks(files_, options_.work_dir, (*core)->state());
        const auto expected = (*core)->expected_containers();
        outlets_ = std::make_unique<AgentOutlets>(AgentOutlets::Parts{
            *parts_.containerizer, files_, pool_, *log_, options_.work_dir,
            AgentAddress{reported_ip(options_), reported_port()}, options_.task_environment,
            [this](const EndAgent& x) { end({x.why, x.failed}); }, backend_->executor_streams(),
            backend_->askers(), backend_->container_io()});
        loop_ = std::make_unique<CoreLoop>(std::move(*core), std::move(parts_.store), *parts_.clock,
                                           *outlets_);
        link_ = std::make_shared<MasterLink>(
            loop_->executor(), std::move(parts_.detector),
            MasterLink::Callbacks{[this](Event event) { on_link_event(std::move(event)); },
                                  [this](const std::string& text) { log_->warning(text); }},
            parts_.seed + 1);
        outlets_->connect(*loop_, link_);
        backend_->also_measure(
            [this](std::map<std::string, double>& metrics) { measure(metrics); });
        const Instant recovery_began = parts_.clock->now().instant;
        auto found = parts_.containerizer->recover(
            expected, [this](const ContainerId& container, containerizer::Exited exited) {
                outlets_->on_exited(container, std::move(exited));
            });
        if (!found) return fail_with("finding the containers again", found.error());
        loop_->start(to_core(std::move(*found)), [this, recovery_began] {
            recovery_time_.store(seconds(parts_.clock->now().instant - recovery_began));
            backend_->set_loop(loop_.get());
            link_->start();
        });
        watch_disk();
        TEPUI_CHECK_OK(oversubscribe());
        log_->info(fmt::format("agent at {}:{} with work directory {}", options_.ip,
                               server_->port(), options_.work_dir));
        return {};
    }

    void stop() {
        if (std::exchange(stopped_, true)) return;
        if (backend_) backend_->askers().close();
        if (server_) server_->stop();
        if (backend_) backend_->container_io().stop();
        if (backend_) backend_->set_loop(nullptr);
        disk_watch_.reset();
        oversubscription_.reset();
        if (loop_) loop_->stop();
        if (backend_) backend_->executor_streams()->clear();
        if (link_) link_->stop();
        if (outlets_) outlets_->stop();
        pool_.stop();                  // Its jobs use the containerizer.
        parts_.containerizer.reset();  // Its callbacks find a loop that takes nothing any more.
        if (has_left() && parts_.clear_machine) parts_.clear_machine();
        end({});
    }

    std::uint16_t port() const { return server_->port(); }

    void leave() { loop_->post(DepartureRequested{}); }

    AgentEnd wait() {
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [this] { return end_.has_value(); });
        return *end_;
    }

    std::optional<AgentEnd> wait_for_end(Duration deadline) {
        std::unique_lock lock(mutex_);
        const auto until = std::chrono::steady_clock::now() + deadline;
        ended_.wait_until(lock, until, [this] { return end_.has_value(); });
        return end_;
    }

private:
    std::uint16_t reported_port() const {
        return options_.advertise_port != 0 ? options_.advertise_port : server_->port();
    }

    Result<void> start_server() {
        Identity identity;
        identity.ip = reported_ip(options_);
        identity.started = parts_.clock->now().wall;
        identity.log_path = log_->path();
        http::ServerOptions http = options_.http;
        http.ip = options_.ip;
        http.port = options_.port;
        backend_ = std::make_shared<Backend>(identity, files_, pool_, *parts_.clock,
                                             *parts_.containerizer);
        http::Router router = make_router(backend_);
        daemon::log_requests(router, backend_->log_level(), *parts_.clock, [this] { return log_; });
        server_ = std::make_unique<http::Server>(std::move(http), std::move(router));
        TEPUI_CHECK_OK(server_->start());
        identity.port = reported_port();
        identity.flags = all_flags(options_, server_->port());
        backend_->set_identity(std::move(identity));
        return {};
    }

    void on_link_event(Event event) {
        // Whether there is room is asked as late as can be: a full disk fails launches, not us.
        const auto* received = std::get_if<MasterFrameReceived>(&event);
        if (received != nullptr &&
            (received->frame.has_run_task() || received->frame.has_run_task_group())) {
            const auto bytes = disk_free_bytes(options_.work_dir);
            if (bytes) loop_->post(DiskFreeMeasured{*bytes});
        }
        loop_->post(std::move(event));
    }

    void watch_disk() {
        disk_watch_ = std::make_unique<DiskWatch>(options_.work_dir, options_.disk_watch_interval,
                                                  [this](const Result<double>& used) {
                                                      if (used) {
                                                          loop_->post(DiskUsageMeasured{*used});
                                                      } else {
                                                          log_->warning(used.error().text);
                                                      }
                                                  });
    }

    Result<void> oversubscribe() {
        const OversubscriptionOptions& options = options_.oversubscription;
        Oversubscription::Parts parts;
        parts.estimator =
            TEPUI_TRY(make_estimator(options.estimator, options.estimator_parameters));
        parts.controller =
            TEPUI_TRY(make_qos_controller(options.controller, options.controller_parameters));
        if (!parts.estimator && !parts.controller) return {};
        parts.uses = [this] { return read_uses(); };
        parts.post = [this](Event event) { loop_->post(std::move(event)); };
        oversubscription_ = std::make_unique<Oversubscription>(options, std::move(parts));
        return {};
    }

    /// Waits for the loop; nothing when that has stopped.
    std::optional<std::vector<RevocableUse>> read_uses() {
        // The reader may outlive this call: a loop that stops drops it, and the promise with it.
        auto promise = std::make_shared<std::promise<std::vector<RevocableUse>>>();
        auto uses = promise->get_future();
        if (!loop_->read([promise = std::move(promise)](const State& state) {
                promise->set_value(revocable_uses(state));
            }))
            return std::nullopt;
        if (uses.wait_for(5s) != std::future_status::ready) return std::nullopt;
        try {
            return uses.get();
        } catch (const std::future_error&) {
            return std::nullopt;
        }
    }

    /// What is counted outside of the core.
    void measure(std::map<std::string, double>& metrics) const {
        const auto count = [](std::uint64_t value) { return static_cast<double>(value); };
        const containerizer::Stats stats = parts_.containerizer->stats();
        metrics["slave/recovery_time_secs"] = recovery_time_.load();
        metrics["containerizer/fetcher/task_fetches_succeeded"] = count(stats.fetches_succeeded);
        metrics["containerizer/fetcher/task_fetches_failed"] = count(stats.fetches_failed);
        measure_fetches(stats.fetch, metrics);
        daemon::Timings pulls;
        for (const double ms : parts_.containerizer->image_stats().pull_ms) pulls.add(ms);
        pulls.report("containerizer/mesos/provisioner/docker_store/image_pull_ms", metrics);
        daemon::Timings docker_pulls;
        for (const double ms : parts_.containerizer->docker_pulls_ms()) docker_pulls.add(ms);
        docker_pulls.report("containerizer/docker/image_pull_ms", metrics);
        metrics["containerizer/mesos/container_destroy_errors"] = count(stats.destroy_errors);
        const std::uint64_t failed = outlets_->removals_failed();
        metrics["gc/path_removals_succeeded"] -= count(failed);  // The core counts attempts.
        metrics["gc/path_removals_failed"] = count(failed);
        daemon::add_http_metrics(metrics, server_->stats());
    }

    Result<std::unique_ptr<Core>> make_core() {
        const Machine machine = TEPUI_TRY(inspect_machine(options_.work_dir));
        CoreConfig config = options_.core;
        config.work_dir = options_.work_dir;
        AgentOptions told = options_;
        told.hostname = reported_hostname(options_);
        config.info = TEPUI_TRY(make_agent_info(told, reported_port(), machine));
        config.version = std::string(daemon::api_version);
        config.ip = reported_ip(options_);
        config.capabilities = capabilities;
        if (config.boot_id.empty()) config.boot_id = read_boot_id();
        auto stored = parts_.store->load();
        if (!stored) return fail_with("reading the checkpoints", stored.error());
        return Core::create(std::move(config), std::move(*stored), parts_.seed,
                            parts_.clock->now());
    }

    bool has_left() {
        const std::scoped_lock lock(mutex_);
        return end_ && !end_->failed;
    }

    void end(const AgentEnd& end) {
        const std::scoped_lock lock(mutex_);
        if (end_) return;
        if (end.failed) {
            log_->error("the agent ends: " + end.why);
        } else {
            log_->info("the agent ends" + (end.why.empty() ? "" : ": " + end.why));
        }
        end_ = end;
        ended_.notify_all();
    }

    const AgentOptions options_;
    AgentParts parts_;
    std::shared_ptr<daemon::Log> log_;
    daemon::Files files_;
    env::WorkerPool pool_{2};
    std::shared_ptr<Backend> backend_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<AgentOutlets> outlets_;
    std::unique_ptr<CoreLoop> loop_;
    std::shared_ptr<MasterLink> link_;
    std::unique_ptr<DiskWatch> disk_watch_;
    std::unique_ptr<Oversubscription> oversubscription_;
    std::atomic<double> recovery_time_ = 0;  // Seconds.
    bool stopped_ = false;

    std::mutex mutex_;
    std::condition_variable ended_;
    std::optional<AgentEnd> end_;
};

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(AgentOptions options, AgentParts parts) {
    auto impl = std::make_unique<Impl>(std::move(options), std::move(parts));
    TEPUI_CHECK_OK(impl->start());
    return std::unique_ptr<Agent>(new Agent(std::move(impl)));
}

std::uint16_t Agent::port() const { return impl_->port(); }
void Agent::leave() { impl_->leave(); }
AgentEnd Agent::wait() const { return impl_->wait(); }
std::optional<AgentEnd> Agent::wait_for_end(Duration deadline) const {
    return impl_->wait_for_end(deadline);
}
void Agent::stop() { impl_->stop(); }

}  // namespace tepui::agent
