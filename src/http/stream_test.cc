#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "http/raw_client_testing.h"
#include "http/server.h"

namespace tepui::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view get_stream = "GET /stream HTTP/1.1\r\n\r\n";

/// A server whose /stream hands out streams that the test made, in order.
class StreamTest : public testing::Test {
protected:
    StreamTest() {
        router_.add("/stream", {"GET"}, [this](Request) -> asio::awaitable<Response> {
            Response response;
            response.headers.add("Content-Type", "application/json");
            const std::lock_guard lock(mutex_);
            response.stream = std::move(streams_.front());
            streams_.pop_front();
            co_return response;
        });
        router_.add("/a", {"GET"},
                    [](Request) -> asio::awaitable<Response> { co_return Response::empty(202); });
    }

    void start(ServerOptions options = {}) {
        server_ = std::make_unique<Server>(options, router_);
        ASSERT_TRUE(server_->start());
    }

    /// A stream for the next request, and the promise of its end.
    std::shared_ptr<BodyStream> next_stream(std::size_t bytes_max = std::size_t{1} << 20) {
        auto stream = make_body_stream(bytes_max);
        auto end = std::make_shared<std::promise<StreamEnd>>();
        ends_.push_back(end->get_future());
        stream->on_end([end](StreamEnd reason) { end->set_value(reason); });
        const std::lock_guard lock(mutex_);
        streams_.push_back(stream);
        return stream;
    }

    StreamEnd end_of(std::size_t index) {
        if (ends_.at(index).wait_for(10s) != std::future_status::ready)
            throw std::runtime_error("the stream does not end");
        return ends_.at(index).get();
    }

    std::mutex mutex_;
    std::deque<std::shared_ptr<BodyStream>> streams_;
    std::vector<std::future<StreamEnd>> ends_;
    Router router_;
    std::unique_ptr<Server> server_;
};

TEST_F(StreamTest, EachPushIsExactlyOneChunk) {
    start();
    const auto stream = next_stream();
    stream->push(std::string("first"));
    stream->push(std::string());  // Would end the body if it became a chunk.
    stream->push(std::string(300, 'a'));
    stream->push(std::string(100'000, 'b'));
    stream->push(std::string("last"));
    stream->finish();
    RawClient client(server_->port());
    client.send("GET /stream HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(head, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Encoding")));
    EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
    const std::string want = "5\r\nfirst\r\n12c\r\n" + std::string(300, 'a') + "\r\n186a0\r\n" +
                             std::string(100'000, 'b') + "\r\n4\r\nlast\r\n0\r\n\r\n";
    EXPECT_EQ(client.read(want.size()), want);
    EXPECT_EQ(end_of(0), StreamEnd::finished);
    // The connection goes on.
    client.send("GET /a HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 202"));
}

TEST_F(StreamTest, PushesArriveWhileTheStreamIsOpen) {
    start();
    const auto stream = next_stream();
    RawClient client(server_->port());
    client.send(get_stream);
    client.read_until("\r\n\r\n");
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(stream->push(std::string("event")));
        EXPECT_EQ(client.read(10), "5\r\nevent\r\n");
    }
}

TEST_F(StreamTest, ManyThreadsPush) {
    start();
    const auto stream = next_stream(std::size_t{64} << 20);
    RawClient client(server_->port());
    client.send("GET /stream HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Connection: close\r\n"));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&stream, t] {
            for (int i = 0; i < 1'000; ++i)
                stream->push(std::string(10, static_cast<char>('a' + t)));
        });
    for (std::thread& thread : threads) thread.join();
    stream->finish();
    EXPECT_FALSE(stream->push(std::string("late")));
    const std::string body = client.read_all();
    EXPECT_EQ(body.size(), 4 * 1'000 * 15 + 5);
    EXPECT_THAT(body, EndsWith("\r\n0\r\n\r\n"));
    // "a" is also the size of each chunk.
    EXPECT_EQ(std::count(body.begin(), body.end(), 'a'), 14'000);
    for (const char c : {'b', 'c', 'd'}) EXPECT_EQ(std::count(body.begin(), body.end(), c), 10'000);
}

TEST_F(StreamTest, Http10ReadsToTheEnd) {
    start();
    const auto stream = next_stream();
    stream->push(std::string("one"));
    stream->push(std::string("two"));
    stream->finish();
    RawClient client(server_->port());
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const std::string response = client.read_all();
    EXPECT_THAT(response, Not(HasSubstr("chunked")));
    EXPECT_EQ(body_of(response), "onetwo");
}

TEST_F(StreamTest, HeadEndsTheStreamAtOnce) {
    start();
    next_stream();
    RawClient client(server_->port());
    client.send("HEAD /stream HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("chunked"));
    EXPECT_EQ(end_of(0), StreamEnd::finished);
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 202"));
}

TEST_F(StreamTest, PeerThatLeavesIsNoticedWithoutAWrite) {
    start();
    const auto stream = next_stream();
    RawClient client(server_->port());
    client.send(get_stream);
    client.read_until("\r\n\r\n");
    client.close();
    EXPECT_EQ(end_of(0), StreamEnd::peer_closed);
    EXPECT_FALSE(stream->push(std::string("late")));
    std::promise<StreamEnd> late;
    stream->on_end([&late](StreamEnd reason) { late.set_value(reason); });
    EXPECT_EQ(late.get_future().get(), StreamEnd::peer_closed);
}

TEST_F(StreamTest, SlowReaderIsCutAndOthersGoOn) {
    ServerOptions options;
    options.threads = 1;
    start(options);
    const auto slow = next_stream(100'000);
    RawClient slow_client(server_->port(), 4096);
    slow_client.send(get_stream);
    slow_client.read_until("\r\n\r\n");
    const auto quick = next_stream(100'000);
    RawClient quick_client(server_->port());
    quick_client.send(get_stream);
    quick_client.read_until("\r\n\r\n");
    // The sockets' buffers take some megabytes before the queue fills.
    const auto piece = std::make_shared<const std::string>(10'000, 'x');
    int pushed = 0;
    while (slow->push(piece)) {
        ++pushed;
        ASSERT_LT(pushed, 10'000);
        EXPECT_TRUE(quick->push(piece));
        EXPECT_EQ(quick_client.read(10'008).substr(0, 8), "2710\r\nxx");
    }
    EXPECT_EQ(end_of(0), StreamEnd::too_slow);
    EXPECT_EQ(server_->stats().slow_readers_cut, 1);
    EXPECT_THAT(slow_client.read_all(), Not(HasSubstr("\r\n0\r\n\r\n")));
    EXPECT_TRUE(quick->push(std::string("still")));
    EXPECT_EQ(quick_client.read(10), "5\r\nstill\r\n");
}

TEST_F(StreamTest, OverflowBeforeTheConnectionIsToldToo) {
    const auto stream = next_stream(10);
    // What finds nothing waiting is taken whatever its size: a first record may be large.
    EXPECT_TRUE(stream->push(std::string(100, 'x')));
    EXPECT_FALSE(stream->push(std::string("y")));
    EXPECT_EQ(end_of(0), StreamEnd::too_slow);
}

TEST_F(StreamTest, RequestsSentAheadWaitForTheEnd) {
    start();
    const auto stream = next_stream();
    RawClient client(server_->port());
    client.send(std::string(get_stream) + "GET /a HTTP/1.1\r\n\r\n");
    client.read_until("\r\n\r\n");
    client.send("GET /a HTTP/1.1\r\n\r\n");
    stream->finish();
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 202"));
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 202"));
}

TEST_F(StreamTest, PeerThatFloodsAStreamIsCut) {
    start();
    next_stream();
    RawClient client(server_->port());
    client.send(get_stream);
    client.read_until("\r\n\r\n");
    client.send(std::string(1'000'000, 'x'));
    EXPECT_EQ(end_of(0), StreamEnd::peer_closed);
}

TEST_F(StreamTest, StopFinishesStreams) {
    start();
    const auto stream = next_stream();
    RawClient client(server_->port());
    client.send(get_stream);
    client.read_until("\r\n\r\n");
    stream->push(std::string("last"));
    server_->stop(10s);
    EXPECT_EQ(client.read_all(), "4\r\nlast\r\n0\r\n\r\n");
    EXPECT_EQ(end_of(0), StreamEnd::server_stopped);
    EXPECT_FALSE(stream->push(std::string("late")));
}

TEST_F(StreamTest, StopCutsAStreamThatNobodyReads) {
    start();
    const auto stream = next_stream(std::size_t{64} << 20);
    RawClient client(server_->port(), 4096);
    client.send(get_stream);
    client.read_until("\r\n\r\n");
    stream->push(std::string(30'000'000, 'x'));
    server_->stop(10ms);
    EXPECT_EQ(end_of(0), StreamEnd::server_stopped);
}

TEST_F(StreamTest, StopClosesIdleConnectionsAndLetsHandlersEnd) {
    std::promise<void> entered;
    router_.add("/gate", {"GET"}, [&](Request) -> asio::awaitable<Response> {
        asio::steady_timer wait(co_await asio::this_coro::executor, 20ms);
        entered.set_value();
        co_await wait.async_wait(asio::use_awaitable);
        co_return Response::text(200, "through");
    });
    start();
    RawClient idle(server_->port());
    idle.send("GET /a HTTP/1.1\r\n\r\n");
    idle.read_response();
    RawClient waiting(server_->port());
    waiting.send("GET /gate HTTP/1.1\r\n\r\n");
    entered.get_future().wait();
    server_->stop(10s);
    EXPECT_TRUE(idle.is_closed());
    const std::string response = waiting.read_all();
    EXPECT_THAT(response, HasSubstr("Connection: close\r\n"));
    EXPECT_EQ(body_of(response), "through");
    server_->stop();
}

TEST_F(StreamTest, StopAbandonsAHandlerThatNeverEnds) {
    std::promise<void> entered;
    auto alive = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = alive;
    router_.add("/never", {"GET"},
                [&entered, alive = std::move(alive)](Request) -> asio::awaitable<Response> {
                    const auto held = alive;
                    asio::steady_timer wait(co_await asio::this_coro::executor, 1h);
                    entered.set_value();
                    co_await wait.async_wait(asio::use_awaitable);
                    co_return Response::text(200, "never");
                });
    start();
    RawClient client(server_->port());
    client.send("GET /never HTTP/1.1\r\n\r\n");
    entered.get_future().wait();
    const auto before = watch.use_count();
    server_->stop(10ms);
    EXPECT_LT(watch.use_count(), before);  // Its coroutine was destroyed.
}

TEST_F(StreamTest, LinksEndWithTheServer) {
    std::promise<std::shared_ptr<Duplex>> upgraded;
    router_.add("/link", {"GET"}, [&](Request) -> asio::awaitable<Response> {
        Response response = Response::empty(101);
        response.headers.add("Upgrade", "test/1");
        response.upgrade = [&](std::shared_ptr<Duplex> duplex) { upgraded.set_value(duplex); };
        co_return response;
    });
    start();
    RawClient client(server_->port());
    client.send("GET /link HTTP/1.1\r\nUpgrade: test/1\r\nConnection: Upgrade\r\n\r\nahead");
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
    EXPECT_THAT(head, HasSubstr("Connection: Upgrade\r\n"));
    EXPECT_THAT(head, HasSubstr("Upgrade: test/1\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
    const auto duplex = upgraded.get_future().get();
    auto read = [](std::shared_ptr<Duplex> link) -> asio::awaitable<Result<std::string>> {
        co_return co_await link->read();
    };
    asio::io_context context;
    auto ahead = asio::co_spawn(context, read(duplex), asio::use_future);
    const auto work = asio::make_work_guard(context);
    std::thread thread([&] { context.run(); });
    EXPECT_EQ(ahead.get(), "ahead");
    EXPECT_TRUE(duplex->push(std::string("hello")));
    EXPECT_EQ(client.read(5), "hello");
    auto pending = asio::co_spawn(context, read(duplex), asio::use_future);
    server_->stop(10s);
    server_.reset();
    EXPECT_TRUE(client.is_closed());
    EXPECT_FALSE(duplex->push(std::string("late")));
    duplex->close();
    // The server is gone: whoever still holds the link is told so, or is dropped with its wait.
    try {
        const auto result = pending.get();
        EXPECT_TRUE(!result || result->empty());
    } catch (const std::future_error&) {
    }
    context.stop();
    thread.join();
}

}  // namespace
}  // namespace tepui::http
