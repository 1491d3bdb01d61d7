#include "master/master.h"

#include <condition_variable>
#include <filesystem>

#include <boost/asio/this_coro.hpp>

#include "base/prng.h"
#include "coord/memory_store.h"
#include "coord/sqlite_store.h"
#include "daemon/files.h"
#include "daemon/http_metrics.h"
#include "daemon/json_response.h"
#include "daemon/log.h"
#include "daemon/log_level.h"
#include "daemon/plain_json.h"
#include "daemon/shared_routes.h"
#include "daemon/version.h"
#include "env/posix/clock.h"
#include "env/posix/worker_pool.h"
#include "http/server.h"
#include "master/agent_links.h"
#include "master/core_loop.h"
#include "master/facts.h"
#include "master/operator_streams.h"
#include "master/routes/help_pages.h"
#include "master/routes/legacy_routes.h"
#include "master/routes/operator_route.h"
#include "master/routes/reader.h"
#include "master/routes/scheduler_route.h"
#include "master/scheduler_streams.h"
#include "master/snapshot/snapshot_hub.h"
#include "master/whitelist_file.h"

namespace tepui::master {
namespace {

constexpr std::string_view link_protocol = "tepui-agent-link";
constexpr unsigned reader_threads = 2;
constexpr Duration whitelist_interval = std::chrono::seconds{5};  // Mesos'.

Result<std::unique_ptr<coord::Store>> open_store(const MasterOptions& options) {
    if (options.registry == RegistryKind::in_memory) return std::make_unique<coord::MemoryStore>();
    if (options.work_dir.empty())
        return fail(Errc::invalid_argument, "a registry in SQLite needs a work_dir");
    return TEPUI_TRY(coord::SqliteStore::open({.path = options.work_dir + "/registry.db"}));
}

}  // namespace

class Master::Impl final : public Outlets {
public:
    explicit Impl(MasterOptions options) : options_(std::move(options)) {}
    ~Impl() override { stop(); }

    Result<void> start() {
        TEPUI_CHECK_OK(open_work_dir());
        log_ = TEPUI_TRY(daemon::Log::open(options_.log, options_.work_dir, "master"));
        auto store = TEPUI_TRY(open_store(options_));
        auto registry = TEPUI_TRY(store->load());
        // The port has to be known before the core can say who this master is, so the server comes
        // first and refuses everything until is_ready_.
        start_server_objects();
        TEPUI_CHECK_OK(server_->start());
        const Result<void> started = start_core(std::move(store), std::move(registry));
        if (!started) server_->stop(Duration::zero());
        return started;
    }

    std::uint16_t port() const { return server_ ? server_->port() : 0; }

    void stop() {
        {
            const std::scoped_lock lock(mutex_);
            if (std::exchange(is_stopping_, true)) return;
        }
        whitelist_watch_.reset();
        if (links_) links_->close_all();
        if (server_) server_->stop();
        if (workers_) workers_->stop();
        if (loop_) loop_->stop();
        if (operator_streams_) operator_streams_->stop();
        if (hub_) hub_->abandon_readers();
        if (links_) links_->clear();
        if (streams_) streams_->clear();
        if (log_) {
            log_->info("stopped");
            log_->flush();
        }
        const std::scoped_lock lock(mutex_);
        has_ended_ = true;
        ended_.notify_all();
    }

    Result<void> wait() {
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [this] { return has_ended_ || failure_; });
        if (failure_) return std::unexpected(*failure_);
        return {};
    }

    // Outlets; on the loop's thread.
    void send_to_scheduler(const StreamId& stream,
                           std::shared_ptr<const mesos::v1::scheduler::Event> event) override {
        streams_->send(stream, std::move(event));
    }
    void close_scheduler(const StreamId& stream) override { streams_->close(stream); }
    void send_to_agent(LinkId link, std::shared_ptr<const link::ToAgent> frame) override {
        links_->send(link, std::move(frame));
    }
    void close_agent_link(LinkId link) override { links_->close(link); }
    void log(Severity severity, const std::string& text) override { log_->write(severity, text); }
    void batch_ended(const State& state, const ChangeSource& changes) override {
        links_->flush();
        streams_->flush();
        hub_->batch_ended(state, changes);
    }
    bool publish(OperatorEvents events) override {
        return operator_streams_->publish(std::move(events), [this] { return hub_->now(); });
    }
    void must_end(const Error& error) override {
        log_->error("this master ends: " + error.text);
        log_->flush();
        const std::scoped_lock lock(mutex_);
        failure_ = error;
        ended_.notify_all();
    }
    void store_failed(const Error& error) override {  // On the store's thread.
        log_->error("the registry failed, this master ends: " + error.text);
        log_->flush();
        const std::scoped_lock lock(mutex_);
        failure_ = error;
        ended_.notify_all();
    }

private:
    using Request = http::Request;
    using Response = http::Response;

    Result<void> open_work_dir() const {
        if (options_.work_dir.empty()) return {};
        std::error_code error;
        std::filesystem::create_directories(options_.work_dir, error);
        if (error) return fail(Errc::io, "making {}: {}", options_.work_dir, error.message());
        return {};
    }

    void start_server_objects() {
        workers_ = std::make_unique<env::WorkerPool>(reader_threads);
        streams_ = std::make_shared<SchedulerStreams>();
        if (!log_->path().empty()) files_.attach("/master/log", log_->path());
        http::ServerOptions http = options_.http;
        http.ip = options_.ip;
        http.port = options_.port;
        server_ = std::make_unique<http::Server>(http, make_router());
    }

    Result<void> start_core(std::unique_ptr<coord::Store> store,
                            std::map<std::string, std::string> registry) {
        Prng prng(env::PosixRandom().seed());
        const Now now = clock_.now();
        facts_ = std::make_shared<const MasterFacts>(
            make_facts(options_, prng.uuid_text(), server_->port(), log_->path(), now.wall));
        CoreConfig config = options_.core;
        if (!options_.whitelist_file.empty())
            config.whitelist = TEPUI_TRY(read_whitelist(options_.whitelist_file));
        auto core =
            TEPUI_TRY(Core::create(config, facts_->info, std::move(registry), prng.next(), now));
        loop_ = std::make_unique<CoreLoop>(std::move(core), std::move(store), clock_, *this);
        links_ = std::make_shared<AgentLinks>(
            [loop = loop_.get()](std::vector<Event> events) { loop->post(std::move(events)); },
            log_);
        hub_ = std::make_unique<SnapshotHub>(facts_, [loop = loop_.get()] { loop->wake(); });
        reader_ = std::make_unique<Reader>(*loop_, *hub_, *workers_, clock_);
        operator_streams_ = std::make_unique<OperatorStreams>(
            options_.operator_streams, facts_->info.id(), clock_, *workers_, log_,
            [loop = loop_.get()] { loop->wake(); });
        reader_->also_measure([this](std::map<std::string, double>& metrics) {
            add_stream_metrics(metrics, operator_streams_->stats());
            daemon::add_http_metrics(metrics, server_->stats());
        });
        reader_->measure_frameworks(options_.publish_per_framework_metrics);
        operator_streams_->start();
        scheduler_route_ = std::make_unique<SchedulerRoute>(*loop_, streams_, prng.next());
        operator_route_ = std::make_unique<OperatorRoute>(*loop_, *reader_, files_, log_level_,
                                                          clock_, *operator_streams_, facts_);
        legacy_routes_ = std::make_unique<LegacyRoutes>(*loop_, *reader_, facts_);
        log_->info(fmt::format("{} {} serves as {} {} on port {}", daemon::product_name,
                               daemon::product_version, facts_->info.pid(), facts_->info.id(),
                               server_->port()));
        loop_->start();
        if (config.whitelist && !options_.whitelist_file.empty())
            watch_whitelist(*config.whitelist);
        is_ready_.store(true, std::memory_order_release);
        return {};
    }

    void watch_whitelist(std::set<std::string> known) {
        whitelist_watch_ = std::make_unique<WhitelistWatch>(
            options_.whitelist_file, std::move(known), whitelist_interval,
            [this](Result<std::set<std::string>> read) {
                if (read) return loop_->post(WhitelistChanged{std::move(*read)});
                log_->error(read.error().text + "; what it said before holds");
            });
    }

    http::Router make_router();
    Response link_response(const Request& request, asio::any_io_executor io);
    /// Answers 503 until the objects behind `handler` exist, and, with `recovered`, until the core
    /// may answer.
    http::Handler guard(http::Handler handler, bool recovered = true);

    const MasterOptions options_;
    const env::PosixClock clock_;
    std::shared_ptr<daemon::Log> log_;
    daemon::Files files_;
    daemon::LogLevel log_level_;
    std::shared_ptr<const MasterFacts> facts_;
    std::unique_ptr<env::WorkerPool> workers_;
    std::shared_ptr<SchedulerStreams> streams_;
    std::unique_ptr<SnapshotHub> hub_;
    std::unique_ptr<OperatorStreams> operator_streams_;
    std::unique_ptr<CoreLoop> loop_;
    std::shared_ptr<AgentLinks> links_;
    std::unique_ptr<Reader> reader_;
    std::unique_ptr<SchedulerRoute> scheduler_route_;
    std::unique_ptr<OperatorRoute> operator_route_;
    std::unique_ptr<LegacyRoutes> legacy_routes_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<WhitelistWatch> whitelist_watch_;  // Uses the loop and the log.
    std::atomic<bool> is_ready_{false};

    std::mutex mutex_;
    std::condition_variable ended_;
    bool is_stopping_ = false;
    bool has_ended_ = false;
    std::optional<Error> failure_;
};

http::Handler Master::Impl::guard(http::Handler handler, bool recovered) {
    return [this, handler = std::move(handler),
            recovered](Request request) -> asio::awaitable<Response> {
        if (!is_ready_.load(std::memory_order_acquire) || (recovered && !loop_->recovered()))
            co_return Response::text(503,
                                     "This master is still reading its registry: try again soon.");
        co_return co_await handler(std::move(request));
    };
}

http::Router Master::Impl::make_router() {
    http::Router router({"/master"});
    const std::set<std::string> get{"GET", "POST"};
    router.add("/api/v1", {"POST"}, guard([this](Request request) {
                   return operator_route_->handle(std::move(request));
               }));
    router.add("/tepui/kill-task", {"POST"}, guard([this](Request request) {
                   return operator_route_->kill_task(std::move(request));
               }));
    router.add("/api/v1/scheduler", {"POST"}, guard([this](Request request) {
                   return scheduler_route_->handle(std::move(request));
               }));
    router.add("/tepui/agent-link", {"GET"},
               guard([this](Request request) -> asio::awaitable<Response> {
                   auto io = co_await asio::this_coro::executor;
                   co_return link_response(request, io);
               }));
    router.add("/health", get,
               [](Request) -> asio::awaitable<Response> { co_return Response::empty(200); });
    router.add("/version", get,
               guard(
                   [this](Request request) -> asio::awaitable<Response> {
                       co_return daemon::json_response(request,
                                                       daemon::version_json(facts_->version));
                   },
                   false));
    router.add("/flags", get,
               guard(
                   [this](Request request) -> asio::awaitable<Response> {
                       co_return daemon::json_response(request, daemon::flags_json(facts_->flags));
                   },
                   false));
    daemon::add_shared_routes(router,
                              {files_, *workers_, log_level_, clock_, "master", help_pages()});
    daemon::log_requests(router, log_level_, clock_, [this] { return log_; });
    LegacyRoutes::add_to(router, [this](LegacyRoutes::Call call) {
        return guard(
            [this, call](Request request) { return call(*legacy_routes_, std::move(request)); });
    });
    return router;
}

http::Response Master::Impl::link_response(const Request& request, asio::any_io_executor io) {
    const auto protocol = request.headers.find("Upgrade");
    if (!protocol || *protocol != link_protocol) {
        Response response =
            Response::text(426, fmt::format("Agents come here with 'Upgrade: {}'.", link_protocol));
        response.headers.set("Upgrade", std::string(link_protocol));
        return response;
    }
    Response response;
    response.status = 101;
    response.headers.set("Upgrade", std::string(link_protocol));
    response.upgrade = [links = links_,
                        io = std::move(io)](std::shared_ptr<http::Duplex> connection) {
        links->attach(std::move(connection), io);
    };
    return response;
}

Master::Master(MasterOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Master::~Master() = default;
Result<void> Master::start() { return impl_->start(); }
std::uint16_t Master::port() const { return impl_->port(); }
void Master::stop() { impl_->stop(); }
Result<void> Master::wait() { return impl_->wait(); }

}  // namespace tepui::master
