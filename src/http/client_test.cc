#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "http/server.h"

namespace tepui::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A server with an own set of handlers, and a client that runs on the test's thread.
class ClientTest : public testing::Test {
protected:
    ClientTest() : client_(context_.get_executor()) {
        router_.add("/echo", {"GET", "POST"}, [](Request request) -> asio::awaitable<Response> {
            Response response = Response::text(200, std::move(request.body));
            response.headers.add("X-Remote", request.remote);
            response.headers.add("X-Host", std::string(request.headers.find("Host").value_or("")));
            co_return response;
        });
    }

    void start(ServerOptions options = {}) {
        server_ = std::make_unique<Server>(options, router_);
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().text;
        port_ = server_->port();
    }

    ClientRequest to(std::string target) const {
        ClientRequest request;
        request.url = Url{"http", "127.0.0.1", port_, std::move(target)};
        request.deadline = 10s;
        return request;
    }

    template <typename T>
    T run(asio::awaitable<T> work) {
        auto future = asio::co_spawn(context_, std::move(work), asio::use_future);
        context_.restart();
        context_.run();
        return future.get();
    }

    Router router_;
    asio::io_context context_;
    std::unique_ptr<Server> server_;
    std::uint16_t port_ = 0;
    Client client_;
};

TEST_F(ClientTest, PostsAndReadsTheAnswer) {
    start();
    ClientRequest request = to("/echo");
    request.method = "POST";
    request.body = "hello";
    const auto response = run(client_.request(request));
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(*response->body, "hello");
    EXPECT_EQ(response->headers.find("x-host"), fmt::format("127.0.0.1:{}", port_));
}

TEST_F(ClientTest, ResolvesNames) {
    start();
    ClientRequest request = to("/echo");
    request.url.host = "localhost";
    const auto response = run(client_.request(request));
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->status, 200);
}

TEST_F(ClientTest, UsesConnectionsAgain) {
    start();
    for (int i = 0; i < 5; ++i) {
        const auto response = run(client_.request(to("/echo")));
        ASSERT_TRUE(response) << response.error().text;
    }
    EXPECT_EQ(server_->stats().connections_total, 1);
    EXPECT_EQ(server_->stats().requests_total, 5);
}

TEST_F(ClientTest, FindsOutThatAnIdleConnectionDied) {
    start();
    ASSERT_TRUE(run(client_.request(to("/echo"))));
    ServerOptions options;
    options.port = port_;
    server_->stop();
    start(options);
    const auto response = run(client_.request(to("/echo")));
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(server_->stats().requests_total, 1);
}

TEST_F(ClientTest, RetriesWhenAReusedConnectionDiesUnanswered) {
    // A peer that closes its first connection when the second request on it arrives.
    asio::ip::tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
    port_ = acceptor.local_endpoint().port();
    constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    int connections = 0;
    auto peer = [&]() -> asio::awaitable<void> {
        char bytes[4096];
        for (int allowed : {1, 1}) {
            auto socket = co_await acceptor.async_accept(asio::use_awaitable);
            ++connections;
            for (; allowed >= 0; --allowed) {
                co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
                if (allowed == 0) break;
                co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
                if (connections == 2) co_return;
            }
        }
    };
    asio::co_spawn(context_, peer(), asio::detached);
    auto twice = [&]() -> asio::awaitable<Result<Response>> {
        const auto first = co_await client_.request(to("/a"));
        EXPECT_TRUE(first);
        co_return co_await client_.request(to("/b"));
    };
    const auto second = run(twice());
    ASSERT_TRUE(second) << second.error().text;
    EXPECT_EQ(*second->body, "ok");
    EXPECT_EQ(connections, 2);
}

TEST_F(ClientTest, NamesThePeerThatRefuses) {
    start();
    server_->stop();
    const auto response = run(client_.request(to("/echo")));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::io);
    EXPECT_EQ(response.error().text,
              fmt::format("connecting to 127.0.0.1:{}: Connection refused", port_));
}

TEST_F(ClientTest, GivesUpAtTheDeadline) {
    router_.add("/never", {"GET"}, [](Request) -> asio::awaitable<Response> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
        co_await timer.async_wait(asio::use_awaitable);
        co_return Response::empty(200);
    });
    start();
    ClientRequest request = to("/never");
    request.deadline = 50ms;
    const auto response = run(client_.request(request));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::timeout);
    EXPECT_THAT(response.error().text, HasSubstr(fmt::format("127.0.0.1:{}", port_)));
    server_->stop(0s);
}

TEST_F(ClientTest, LimitsTheBody) {
    start();
    ClientRequest request = to("/echo");
    request.method = "POST";
    request.body = std::string(10'001, 'x');
    request.body_bytes_max = 10'000;
    const auto response = run(client_.request(request));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::too_large);
}

TEST_F(ClientTest, ReadsAStreamAsItComes) {
    const auto stream = make_body_stream();
    router_.add("/stream", {"GET"}, [stream](Request) -> asio::awaitable<Response> {
        Response response;
        response.stream = stream;
        co_return response;
    });
    start();
    auto work = [&]() -> asio::awaitable<std::vector<std::string>> {
        auto opened = co_await client_.open(to("/stream"));
        EXPECT_TRUE(opened);
        EXPECT_EQ((*opened)->status(), 200);
        std::vector<std::string> read;
        for (const char* text : {"one", "two"}) {
            stream->push(std::string(text));
            const auto part = co_await (*opened)->read();
            read.push_back(part.value_or("failed"));
        }
        stream->finish();
        const auto end = co_await (*opened)->read();
        read.push_back(end.value_or("failed"));
        co_return read;
    };
    EXPECT_EQ(run(work()), (std::vector<std::string>{"one", "two", ""}));
}

TEST_F(ClientTest, TellsABrokenStreamFromAnEndedOne) {
    const auto stream = make_body_stream(1000);
    router_.add("/stream", {"GET"}, [stream](Request) -> asio::awaitable<Response> {
        Response response;
        response.stream = stream;
        co_return response;
    });
    start();
    auto work = [&]() -> asio::awaitable<Result<std::string>> {
        auto opened = co_await client_.open(to("/stream"));
        EXPECT_TRUE(opened);
        // Overflows at the latest when the sockets' buffers are full: nobody reads.
        while (stream->push(std::string(500'000, 'x'))) {
        }
        Result<std::string> part;
        do {
            part = co_await (*opened)->read();
        } while (part && !part->empty());
        co_return part;
    };
    const auto end = run(work());
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::io);
}

TEST_F(ClientTest, UpgradesAndTalksBothWays) {
    std::shared_ptr<Duplex> held;
    router_.add("/link", {"POST"}, [this, &held](Request request) -> asio::awaitable<Response> {
        EXPECT_EQ(request.headers.find("Upgrade"), "test/1");
        Response response = Response::empty(101);
        response.headers.add("Upgrade", "test/1");
        response.upgrade = [this, &held](std::shared_ptr<Duplex> duplex) {
            held = duplex;
            auto echo = [](std::shared_ptr<Duplex> link) -> asio::awaitable<void> {
                for (;;) {
                    auto bytes = co_await link->read();
                    if (!bytes || bytes->empty()) break;
                    link->push(std::move(*bytes));
                }
                link->close();
            };
            // On another executor than the link's own, as a shell's loop is.
            asio::co_spawn(server_->executor(), echo(duplex), asio::detached);
        };
        co_return response;
    });
    start();
    auto work = [&]() -> asio::awaitable<std::size_t> {
        ClientRequest request = to("/link");
        request.method = "POST";
        auto upgraded = co_await client_.upgrade(request, "test/1");
        EXPECT_TRUE(upgraded);
        const std::shared_ptr<Duplex> link = *upgraded;
        constexpr std::size_t total = 10 * 300'000;
        for (int i = 0; i < 10; ++i) link->push(std::string(300'000, static_cast<char>('a' + i)));
        std::string echoed;
        while (echoed.size() < total) {
            const auto bytes = co_await link->read();
            if (!bytes || bytes->empty()) break;
            EXPECT_LE(bytes->size(), 256U << 10);
            echoed += *bytes;
        }
        bool is_same = true;
        for (std::size_t i = 0; i < echoed.size(); ++i)
            is_same = is_same && echoed[i] == static_cast<char>('a' + i / 300'000);
        EXPECT_TRUE(is_same);
        link->close();
        const auto after = co_await link->read();
        EXPECT_TRUE(!after || after->empty());
        EXPECT_FALSE(link->push(std::string("late")));
        co_return echoed.size();
    };
    EXPECT_EQ(run(work()), 3'000'000);
}

TEST_F(ClientTest, UpgradeFailsWithTheStatus) {
    start();
    const auto upgraded = run(client_.upgrade(to("/nothing"), "test/1"));
    ASSERT_FALSE(upgraded);
    EXPECT_THAT(upgraded.error().text, HasSubstr("404 Not Found"));
}

}  // namespace
}  // namespace tepui::http
