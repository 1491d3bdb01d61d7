#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "http/gzip.h"
#include "http/later.h"
#include "http/raw_client_testing.h"

namespace tepui::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

asio::awaitable<Response> echo(Request request) {
    Response response = Response::text(200, std::move(request.body));
    response.headers.add("X-Path", request.path);
    co_return response;
}

asio::awaitable<Response> throws(Request) {
    throw std::runtime_error("broken");
    co_return Response{};
}

asio::awaitable<Response> large(Request) { co_return Response::json(std::string(100'000, 'x')); }

Router test_router() {
    Router router({"/master"});
    router.add("/echo", {"GET", "POST"}, echo);
    router.add("/throws", {"GET"}, throws);
    router.add("/large", {"GET"}, large);
    return router;
}

struct Running {
    explicit Running(ServerOptions options = {}, Router router = test_router())
        : server(std::move(options), std::move(router)) {
        const auto started = server.start();
        EXPECT_TRUE(started) << started.error().text;
    }
    Server server;
};

TEST(Server, AnswersRequestsOnOneConnection) {
    Running running;
    RawClient client(running.server.port());
    client.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string first = client.read_response();
    EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(first, HasSubstr("Content-Length: 0\r\n"));
    EXPECT_THAT(first, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
    EXPECT_THAT(first, Not(HasSubstr("Connection:")));
    client.send("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(body_of(client.read_response()), "hello");
    EXPECT_EQ(running.server.stats().requests_total, 2);
    EXPECT_EQ(running.server.stats().connections_total, 1);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    Running running;
    RawClient client(running.server.port());
    std::string requests;
    for (int i = 0; i < 50; ++i) {
        const std::string body = "body " + std::to_string(i);
        requests += "POST /echo HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body;
    }
    client.send(requests);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(body_of(client.read_response()), "body " + std::to_string(i));
}

/// Serves /later: the test gives the answers of its requests itself.
class LaterAnswers {
public:
    Handler handler() {
        return [this](Request request) -> asio::awaitable<Response> {
            Response response;
            response.later = std::make_shared<LaterResponse>();
            {
                const std::scoped_lock lock(mutex_);
                waiting_.emplace_back(std::string(request.query_value("n").value_or("")),
                                      response.later);
            }
            arrived_.notify_all();
            co_return response;
        };
    }

    /// Waits for so many requests, and answers them from the last to the first.
    void answer_backwards(std::size_t count) {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(arrived_.wait_for(lock, 10s, [&] { return waiting_.size() == count; }));
        for (auto it = waiting_.rbegin(); it != waiting_.rend(); ++it)
            it->second->set(Response::text(200, "answer " + it->first));
        waiting_.clear();
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<std::pair<std::string, std::shared_ptr<LaterResponse>>> waiting_;
};

struct RunningLater {
    RunningLater() : running({}, router()) {}
    Router router() {
        Router router = test_router();
        router.add("/later", {"GET"}, answers.handler());
        return router;
    }
    LaterAnswers answers;
    Running running;
};

std::string later_request(int number) {
    return fmt::format("GET /later?n={} HTTP/1.1\r\nHost: x\r\n\r\n", number);
}

TEST(Server, HandlesRequestsAheadOfAnswersThatComeLater) {
    RunningLater server;
    RawClient client(server.running.server.port());
    client.send(later_request(1) + later_request(2) + later_request(3) +
                "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n" + later_request(4));
    server.answers.answer_backwards(3);  // None of them waits for an answer before it.
    for (const char* answer : {"answer 1", "answer 2", "answer 3"})
        EXPECT_THAT(client.read_response(), EndsWith(answer));
    EXPECT_THAT(client.read_response(), HasSubstr("X-Path: /echo\r\n"));
    server.answers.answer_backwards(1);
    EXPECT_THAT(client.read_response(), EndsWith("answer 4"));
}

TEST(Server, AnswersThatComeLaterGoOutBeforeTheNextRequestIsWhole) {
    RunningLater server;
    RawClient client(server.running.server.port());
    const std::string next = later_request(2);
    client.send(later_request(1) + next.substr(0, 20));
    server.answers.answer_backwards(1);
    EXPECT_THAT(client.read_response(), EndsWith("answer 1"));
    client.send(next.substr(20));
    server.answers.answer_backwards(1);
    EXPECT_THAT(client.read_response(), EndsWith("answer 2"));
}

TEST(Server, AnswersThatComeLaterGoOutBeforeARefusal) {
    RunningLater server;
    RawClient client(server.running.server.port());
    client.send(later_request(1) + "not HTTP\r\n\r\n");
    server.answers.answer_backwards(1);
    EXPECT_THAT(client.read_response(), EndsWith("answer 1"));
    const std::string refusal = client.read_all();
    EXPECT_THAT(refusal, StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(refusal, HasSubstr("Connection: close\r\n"));
}

TEST(Server, TheLastAnswerThatComesLaterClosesWhenAsked) {
    RunningLater server;
    RawClient client(server.running.server.port());
    client.send(later_request(1) +
                "GET /later?n=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" +
                later_request(3));
    server.answers.answer_backwards(2);
    EXPECT_THAT(client.read_response(), Not(HasSubstr("Connection: close")));
    const std::string last = client.read_all();
    EXPECT_THAT(last, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(last, EndsWith("answer 2"));
}

TEST(Server, TakesRequestsByteByByte) {
    Running running;
    RawClient client(running.server.port());
    const std::string_view request =
        "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";
    for (const char c : request) client.send({&c, 1});
    EXPECT_EQ(body_of(client.read_response()), "hello!");
    client.send("GET /echo HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST(Server, ClosesWhenAsked) {
    Running running;
    RawClient client(running.server.port());
    client.send("GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.read_response(), HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(client.is_closed());
}

TEST(Server, SpeaksHttp10) {
    Running running;
    RawClient once(running.server.port());
    once.send("GET /echo HTTP/1.0\r\n\r\n");
    EXPECT_THAT(once.read_response(), HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(once.is_closed());
    RawClient kept(running.server.port());
    for (int i = 0; i < 2; ++i) {
        kept.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_THAT(kept.read_response(), HasSubstr("Connection: keep-alive\r\n"));
    }
}

TEST(Server, HeadHasNoBody) {
    Running running;
    RawClient client(running.server.port());
    client.send("HEAD /large HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 100000\r\n"));
    client.send("GET /echo HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST(Server, AsksForTheBodyWhenTheClientWaits) {
    Running running;
    RawClient client(running.server.port());
    client.send("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    EXPECT_EQ(body_of(client.read_response()), "ok");
}

TEST(Server, HandlerExceptionIsAnInternalError) {
    Running running;
    RawClient client(running.server.port());
    client.send("GET /throws HTTP/1.1\r\n\r\nGET /echo HTTP/1.1\r\n\r\n");
    const std::string failed = client.read_response();
    EXPECT_THAT(failed, StartsWith("HTTP/1.1 500"));
    EXPECT_THAT(failed, Not(HasSubstr("broken")));
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST(Server, CompressesLargeBodiesForThoseWhoAccept) {
    Running running;
    struct Row {
        const char* accept;
        bool is_compressed;
    };
    const Row rows[] = {{"gzip", true},
                        {"deflate, gzip;q=0.5", true},
                        {"*", true},
                        {"gzip;q=0", false},
                        {"*;q=0", false},
                        {"identity", false},
                        {"gzip; q=0.000, *", false}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.accept);
        RawClient client(running.server.port());
        client.send(fmt::format("GET /large HTTP/1.1\r\nAccept-Encoding: {}\r\n\r\n", row.accept));
        const std::string response = client.read_response();
        const std::string body = body_of(response);
        if (!row.is_compressed) {
            EXPECT_THAT(response, Not(HasSubstr("Content-Encoding")));
            EXPECT_EQ(body.size(), 100'000);
            continue;
        }
        EXPECT_THAT(response, HasSubstr("Content-Encoding: gzip\r\n"));
        EXPECT_LT(body.size(), 2'000);
        EXPECT_EQ(gunzip(body, 200'000), std::string(100'000, 'x'));
    }
}

TEST(Server, LeavesSmallBodiesPlain) {
    Running running;
    for (const std::size_t size : {1023, 1024}) {
        RawClient client(running.server.port());
        client.send(
            fmt::format("POST /echo HTTP/1.1\r\nAccept-Encoding: gzip\r\n"
                        "Content-Length: {}\r\n\r\n{}",
                        size, std::string(size, 'a')));
        EXPECT_EQ(client.read_response().find("Content-Encoding: gzip") != std::string::npos,
                  size == 1024);
    }
}

TEST(Server, UndoesGzipOfRequests) {
    Running running;
    RawClient client(running.server.port());
    const std::string body = gzip(std::string(5'000, 'b'));
    client.send(
        fmt::format("POST /echo HTTP/1.1\r\nContent-Encoding: gzip\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
    EXPECT_EQ(body_of(client.read_response()), std::string(5'000, 'b'));
}

TEST(Server, HandsAnUploadOnWhileItComes) {
    std::promise<void> entered;
    Router router;
    auto count = [&](Request request) -> asio::awaitable<Response> {
        entered.set_value();
        EXPECT_EQ(request.body, "");
        std::string all;
        for (;;) {
            const auto part = co_await request.upload->read();
            if (!part) co_return Response::error(part.error());
            if (part->empty()) break;
            all += *part;
        }
        co_return Response::text(200, fmt::format("{} bytes", all.size()));
    };
    router.add("/upload", {"POST"}, count, /*takes_uploads=*/true);
    ServerOptions options;
    options.body_bytes_max = 100;  // An input that is not kept has no limit.
    Running running(options, router);
    RawClient client(running.server.port());
    client.send(
        "POST /upload HTTP/1.1\r\nContent-Type: application/recordio\r\n"
        "Transfer-Encoding: chunked\r\n\r\n4\r\nwith\r\n");
    entered.get_future().wait();  // The handler runs before the body ends.
    for (int i = 0; i < 20; ++i) client.send("a\r\n0123456789\r\n");
    client.send("0\r\n\r\nPOST /upload HTTP/1.1\r\nContent-Length: 101\r\n\r\n");
    EXPECT_EQ(body_of(client.read_response()), "204 bytes");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 413"));
}

TEST(Server, UploadFailsWhenThePeerLeaves) {
    std::promise<Errc> failed;
    Router router;
    auto read = [&](Request request) -> asio::awaitable<Response> {
        Result<std::string> part;
        do {
            part = co_await request.upload->read();
        } while (part && !part->empty());
        failed.set_value(part ? Errc::internal : part.error().code);
        co_return Response::empty(200);
    };
    router.add("/upload", {"POST"}, read, /*takes_uploads=*/true);
    Running running({}, router);
    {
        RawClient client(running.server.port());
        client.send(
            "POST /upload HTTP/1.1\r\nContent-Type: application/recordio\r\n"
            "Transfer-Encoding: chunked\r\n\r\n4\r\nwith\r\n");
    }
    EXPECT_EQ(failed.get_future().get(), Errc::io);
}

TEST(Server, TakesLargeBodies) {
    Running running;
    RawClient client(running.server.port());
    std::string body(10'000'000, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 + i / 1000);
    std::thread sender(
        [&] { client.send("POST /echo HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n" + body); });
    EXPECT_EQ(body_of(client.read_response()), body);
    sender.join();
}

TEST(Server, ValuesFromHandlersCannotBeginFields) {
    Running running;
    RawClient client(running.server.port());
    client.send("GET /echo/%0d%0aX-Evil:%201 HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_response(), HasSubstr("X-Path: /echo/  X-Evil: 1\r\n"));
}

TEST(Server, StartNamesTheAddressThatIsTaken) {
    Running running;
    ServerOptions options;
    options.port = running.server.port();
    Server second(options, test_router());
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().text, HasSubstr(fmt::format("127.0.0.1:{}", options.port)));
}

}  // namespace
}  // namespace tepui::http
