#include "http/server.h"

#include <thread>

#include <spdlog/spdlog.h>
#include <boost/asio.hpp>

#include "base/assert.h"
#include "http/connection.h"

namespace tepui::http {
namespace {

constexpr Duration accept_pause = 100ms;  // After the process ran out of descriptors.
constexpr Duration close_grace = 500ms;   // For connections to see that they were closed.
constexpr std::size_t refusals_at_once_max = 64;

/// An io_context whose pending work can be destroyed before the context itself: a Duplex that
/// somebody still holds keeps the context, while coroutines must not outlive the server.
class Context : public asio::io_context {
public:
    using asio::io_context::io_context;
    void drop_pending() { shutdown(); }
};

std::string text_of(const tcp::endpoint& endpoint) {
    const std::string ip = endpoint.address().to_string();
    return endpoint.address().is_v6() ? fmt::format("[{}]:{}", ip, endpoint.port())
                                      : fmt::format("{}:{}", ip, endpoint.port());
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
public:
    Impl(ServerOptions options, Router router)
        : context_(std::make_shared<Context>(static_cast<int>(std::max(options.threads, 1U)))),
          core_(std::make_shared<ServerCore>(std::move(options), std::move(router))),
          acceptor_(asio::make_strand(*context_)),
          pause_(acceptor_.get_executor()) {
        core_->context = context_;
    }

    Result<void> start();
    void stop(Duration grace);
    std::uint16_t port() const { return port_; }
    asio::any_io_executor executor() const { return context_->get_executor(); }
    ServerStats stats() const;

private:
    void accept();
    void on_accepted(const boost::system::error_code& error, tcp::socket socket);
    void admit(tcp::socket socket, const tcp::endpoint& peer);
    template <typename Function>
    void for_each_connection(Function function);
    bool wait_until_free(Duration duration, std::uint64_t but);

    const std::shared_ptr<Context> context_;
    const std::shared_ptr<ServerCore> core_;
    tcp::acceptor acceptor_;
    asio::steady_timer pause_;
    std::shared_ptr<std::atomic<std::size_t>> refusals_ =
        std::make_shared<std::atomic<std::size_t>>(0);
    std::uint16_t port_ = 0;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::vector<std::thread> threads_;
};

Result<void> Server::Impl::start() {
    TEPUI_ASSERT(threads_.empty());
    const ServerOptions& options = core_->options;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.ip, error);
    if (error) return fail(Errc::invalid_argument, "'{}' is not an IP address", options.ip);
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(4096, error);
    if (error) return fail(Errc::io, "listening on {}: {}", text_of(endpoint), error.message());
    port_ = acceptor_.local_endpoint(error).port();
    work_.emplace(context_->get_executor());
    accept();
    for (unsigned i = 0; i < std::max(options.threads, 1U); ++i)
        threads_.emplace_back([context = context_.get()] {
            for (;;) {
                // A handler of others that runs on our executor may throw; the thread goes on.
                try {
                    context->run();
                    return;
                } catch (const std::exception& e) {
                    spdlog::error("http: an I/O handler failed: {}", e.what());
                }
            }
        });
    return {};
}

void Server::Impl::accept() {
    acceptor_.async_accept(asio::make_strand(*context_),
                           [this](const boost::system::error_code& error, tcp::socket socket) {
                               on_accepted(error, std::move(socket));
                           });
}

void Server::Impl::on_accepted(const boost::system::error_code& error, tcp::socket socket) {
    if (!acceptor_.is_open() || core_->is_stopping) return;
    if (error && error != asio::error::connection_aborted) {
        // No descriptor or memory left: connections wait in the kernel's queue meanwhile.
        spdlog::error("http: accepting a connection: {}", error.message());
        pause_.expires_after(accept_pause);
        pause_.async_wait([this](const boost::system::error_code& cancelled) {
            if (!cancelled) accept();
        });
        return;
    }
    boost::system::error_code gone;
    const tcp::endpoint peer = error ? tcp::endpoint{} : socket.remote_endpoint(gone);
    if (!error && !gone) admit(std::move(socket), peer);
    accept();
}

void Server::Impl::admit(tcp::socket socket, const tcp::endpoint& peer) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    auto seat = Seat::take(core_, peer.address().to_string());
    if (!seat) {
        core_->requests_refused.fetch_add(1, std::memory_order_relaxed);
        core_->connections_refused.fetch_add(1, std::memory_order_relaxed);
        if (refusals_->fetch_add(1) >= refusals_at_once_max) {
            --*refusals_;
            return;  // Closed without a word.
        }
        const std::shared_ptr<void> count(nullptr, [all = refusals_](void*) { --*all; });
        std::make_shared<Connection>(core_, std::move(socket), text_of(peer), nullptr)
            ->start_refusal(count);
        return;
    }
    core_->connections_total.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t id = seat->id();
    auto connection =
        std::make_shared<Connection>(core_, std::move(socket), text_of(peer), std::move(seat));
    {
        const std::lock_guard lock(core_->mutex);
        core_->connections[id] = connection;
    }
    connection->start();
}

ServerStats Server::Impl::stats() const {
    ServerStats stats;
    {
        const std::lock_guard lock(core_->mutex);
        stats.connections_open = core_->seats_taken;
    }
    stats.connections_total = core_->connections_total;
    stats.requests_total = core_->requests_total;
    stats.requests_refused = core_->requests_refused;
    stats.bodies_refused = core_->bodies_refused;
    stats.connections_refused = core_->connections_refused;
    stats.slow_readers_cut = core_->slow_readers_cut;
    return stats;
}

template <typename Function>
void Server::Impl::for_each_connection(Function function) {
    std::vector<std::shared_ptr<Connection>> connections;
    std::vector<std::shared_ptr<SocketDuplex>> links;
    {
        // Released outside of the lock: the last reference frees a seat.
        const std::lock_guard lock(core_->mutex);
        for (const auto& [id, weak] : core_->connections)
            if (auto connection = weak.lock()) connections.push_back(std::move(connection));
        for (const auto& [id, weak] : core_->links)
            if (auto link = weak.lock()) links.push_back(std::move(link));
    }
    for (const auto& connection : connections) function(*connection);
    for (const auto& link : links) link->close();
}

/// Waits until no connection is left, but `but` of them.
bool Server::Impl::wait_until_free(Duration duration, std::uint64_t but) {
    std::unique_lock lock(core_->mutex);
    return core_->seat_freed.wait_for(lock, duration, [&] { return core_->seats_taken <= but; });
}

void Server::Impl::stop(Duration grace) {
    if (threads_.empty()) return;
    for (const std::thread& thread : threads_)
        TEPUI_ASSERT_WHY(thread.get_id() != std::this_thread::get_id(),
                         "an I/O thread cannot wait for itself");
    core_->is_stopping = true;
    asio::post(acceptor_.get_executor(), [this] {
        boost::system::error_code not_needed;
        acceptor_.close(not_needed);
        pause_.cancel();
    });
    for_each_connection([](Connection& connection) { connection.begin_stop(); });
    if (!wait_until_free(grace, 0)) {
        for_each_connection([](Connection& connection) { connection.close_now(); });
        // A handler that still waits for somebody is abandoned with its connection.
        wait_until_free(close_grace, core_->handlers_running);
    }
    work_.reset();
    context_->stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    context_->drop_pending();
    core_->context.reset();
}

Server::Server(ServerOptions options, Router router)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(router))) {}
Server::~Server() { stop(); }

Result<void> Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }
ServerStats Server::stats() const { return impl_->stats(); }
asio::any_io_executor Server::executor() const { return impl_->executor(); }
void Server::stop(Duration grace) { impl_->stop(grace); }

}  // namespace tepui::http
