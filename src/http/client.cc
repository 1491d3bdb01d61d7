#include "http/client.h"

#include <map>
#include <vector>

#include <boost/asio.hpp>

#include "http/client_connection.h"
#include "http/duplex.h"

namespace tepui::http {
namespace {

constexpr std::size_t idle_per_host_max = 16;

std::string name_of(const Url& url) {
    const bool is_v6 = url.host.find(':') != std::string::npos;
    return is_v6 ? fmt::format("[{}]:{}", url.host, url.port)
                 : fmt::format("{}:{}", url.host, url.port);
}

class SocketStream final : public ClientStream {
public:
    explicit SocketStream(std::shared_ptr<ClientConnection> connection)
        : connection_(std::move(connection)),
          status_(connection_->parser().status()),
          headers_(std::move(connection_->parser().headers())) {}
    ~SocketStream() override { connection_->close(); }

    unsigned status() const override { return status_; }
    const Headers& headers() const override { return headers_; }
    void close() override { connection_->close(); }

    asio::awaitable<Result<std::string>> read() override {
        const auto connection = connection_;  // The stream may go while this waits.
        for (;;) {
            std::string& body = connection->parser().body();
            if (!body.empty()) co_return std::exchange(body, {});
            if (connection->parser().done()) co_return std::string{};
            const auto done = co_await connection->read_body();
            if (!done) co_return std::unexpected<Error>(done.error());
        }
    }

private:
    const std::shared_ptr<ClientConnection> connection_;
    const unsigned status_;
    const Headers headers_;
};

}  // namespace

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
public:
    explicit Impl(asio::any_io_executor executor) : executor_(std::move(executor)) {}

    using Answered = Result<std::shared_ptr<ClientConnection>>;
    /// A connection on which the head of the answer to `request` has come.
    asio::awaitable<Answered> exchange(const ClientRequest& request);
    void give_back(std::shared_ptr<ClientConnection> connection);

private:
    std::shared_ptr<ClientConnection> take_idle(const std::string& name);

    const asio::any_io_executor executor_;
    std::map<std::string, std::vector<std::shared_ptr<ClientConnection>>> idle_;
};

std::shared_ptr<ClientConnection> Client::Impl::take_idle(const std::string& name) {
    const auto of_host = idle_.find(name);
    if (of_host == idle_.end()) return nullptr;
    std::shared_ptr<ClientConnection> found;
    while (!found && !of_host->second.empty()) {
        if (of_host->second.back()->is_usable()) found = std::move(of_host->second.back());
        of_host->second.pop_back();
    }
    if (of_host->second.empty()) idle_.erase(of_host);
    return found;
}

void Client::Impl::give_back(std::shared_ptr<ClientConnection> connection) {
    if (!connection->is_reusable()) return;
    auto& of_host = idle_[connection->name()];
    if (of_host.size() < idle_per_host_max) of_host.push_back(std::move(connection));
}

asio::awaitable<Client::Impl::Answered> Client::Impl::exchange(const ClientRequest& request) {
    const auto self = shared_from_this();
    const std::string name = name_of(request.url);
    if (request.url.scheme != "http")
        co_return fail(Errc::unsupported, "{}: only http is spoken here", to_string(request.url));
    const auto began = std::chrono::steady_clock::now();
    if (auto connection = take_idle(name)) {
        connection->set_deadline(request.deadline);
        const auto answered = co_await connection->exchange_head(request);
        if (answered) co_return connection;
        const bool may_be_stale = connection->is_unanswered() && !connection->is_expired();
        if (!may_be_stale) co_return std::unexpected<Error>(answered.error());
        connection->close();
    }
    auto connection = std::make_shared<ClientConnection>(executor_, name);
    const Duration spent = std::chrono::steady_clock::now() - began;
    connection->set_deadline(request.deadline, spent);
    const auto connected = co_await connection->connect(request.url);
    if (!connected) co_return std::unexpected<Error>(connected.error());
    const auto answered = co_await connection->exchange_head(request);
    if (!answered) co_return std::unexpected<Error>(answered.error());
    co_return connection;
}

Client::Client(asio::any_io_executor executor)
    : impl_(std::make_shared<Impl>(std::move(executor))) {}
Client::~Client() = default;

asio::awaitable<Result<Response>> Client::request(ClientRequest request) {
    const auto impl = impl_;  // The client may go while this waits.
    auto answered = co_await impl->exchange(request);
    if (!answered) co_return std::unexpected<Error>(answered.error());
    const std::shared_ptr<ClientConnection> connection = std::move(*answered);
    std::string body;
    for (;;) {
        std::string& part = connection->parser().body();
        if (body.empty())
            body = std::exchange(part, {});
        else
            body.append(std::exchange(part, {}));
        if (body.size() > request.body_bytes_max)
            co_return fail(Errc::too_large, "reading from {}: the body has more than {} bytes",
                           connection->name(), request.body_bytes_max);
        if (connection->parser().done()) break;
        const auto done = co_await connection->read_body();
        if (!done) co_return std::unexpected<Error>(done.error());
    }
    connection->set_deadline(Duration::max());
    Response response;
    response.status = connection->parser().status();
    response.headers = std::move(connection->parser().headers());
    response.body = std::make_shared<const std::string>(std::move(body));
    impl->give_back(connection);
    co_return response;
}

asio::awaitable<Result<std::unique_ptr<ClientStream>>> Client::open(ClientRequest request) {
    const auto impl = impl_;
    auto answered = co_await impl->exchange(request);
    if (!answered) co_return std::unexpected<Error>(answered.error());
    (*answered)->set_deadline(Duration::max());
    std::unique_ptr<ClientStream> stream = std::make_unique<SocketStream>(std::move(*answered));
    co_return stream;
}

asio::awaitable<Result<std::shared_ptr<Duplex>>> Client::upgrade(ClientRequest request,
                                                                 std::string protocol) {
    const auto impl = impl_;
    request.headers.set("Connection", "Upgrade");
    request.headers.set("Upgrade", protocol);
    auto answered = co_await impl->exchange(request);
    if (!answered) co_return std::unexpected<Error>(answered.error());
    const std::shared_ptr<ClientConnection> connection = std::move(*answered);
    connection->set_deadline(Duration::max());
    const unsigned status = connection->parser().status();
    if (status != 101)
        co_return fail(Errc::io, "upgrading the connection to {} to {}: the answer is {} {}",
                       connection->name(), protocol, status, reason_phrase(status));
    SocketDuplex::Parts parts{connection->take_socket(), connection->take_read_ahead(),
                              connection->name(), nullptr, nullptr};
    std::shared_ptr<Duplex> duplex = SocketDuplex::make(std::move(parts));
    co_return duplex;
}

}  // namespace tepui::http
