#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "http/gzip.h"
#include "http/raw_client_testing.h"
#include "http/server.h"

namespace tepui::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

asio::awaitable<Response> accept(Request) { co_return Response::empty(202); }

Router accepting() {
    Router router;
    router.add("/", {"GET", "OPTIONS"}, accept);
    router.add("/a", {"GET", "POST"}, accept);
    return router;
}

/// Small limits and short deadlines.
ServerOptions strict() {
    ServerOptions options;
    options.head_bytes_max = 2'000;
    options.body_bytes_max = 10'000;
    return options;
}

class Malformed : public testing::Test {
protected:
    explicit Malformed(ServerOptions options = strict()) : server_(options, accepting()) {
        const auto started = server_.start();
        EXPECT_TRUE(started) << started.error().text;
    }

    void expect_serving() {
        RawClient client(server_.port());
        client.send("GET /a HTTP/1.1\r\n\r\n");
        EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 202 Accepted\r\n"));
    }

    Server server_;
};

struct Row {
    const char* name;
    std::string request;
    unsigned status;
};

const std::string crlf2 = "\r\n\r\n";

const std::vector<Row>& refused_rows() {
    static const std::vector<Row> rows = {
        {"garbage", "\x16\x03\x01\x02garbage", 400},
        {"no version", "GET /a" + crlf2, 400},
        {"empty path", "GET  HTTP/1.1" + crlf2, 400},
        {"no slash", "GET a HTTP/1.1" + crlf2, 400},
        {"authority form", "CONNECT host:1 HTTP/1.1" + crlf2, 400},
        {"absolute form without host", "GET http:///a HTTP/1.1" + crlf2, 400},
        {"other scheme", "GET ftp://h/a HTTP/1.1" + crlf2, 400},
        {"star with GET", "GET * HTTP/1.1" + crlf2, 400},
        {"NUL in path", "GET /a%00b HTTP/1.1" + crlf2, 400},
        {"NUL in query", "GET /a?b=%00 HTTP/1.1" + crlf2, 400},
        {"cut escape", "GET /a%4 HTTP/1.1" + crlf2, 400},
        {"bad escape", "GET /a%zz HTTP/1.1" + crlf2, 400},
        {"fragment", "GET /a#b HTTP/1.1" + crlf2, 400},
        {"blank in target", "GET /a b HTTP/1.1" + crlf2, 400},
        {"version 2", "GET /a HTTP/2.0" + crlf2, 400},
        {"line feeds only", "GET /a HTTP/1.1\nHost: x\n\n", 400},
        {"field without colon", "GET /a HTTP/1.1\r\nHost" + crlf2, 400},
        {"blank in field name", "GET /a HTTP/1.1\r\nHo st: x" + crlf2, 400},
        {"blank before colon", "GET /a HTTP/1.1\r\nHost : x" + crlf2, 400},
        {"control in value", "GET /a HTTP/1.1\r\nX: a\x01 b" + crlf2, 400},
        {"two hosts", "GET /a HTTP/1.1\r\nHost: a\r\nHost: b" + crlf2, 400},
        {"length and chunks",
         "POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked" + crlf2 + "0" +
             crlf2,
         400},
        {"chunks and length",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3" + crlf2 + "0" +
             crlf2,
         400},
        {"two lengths", "POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4" + crlf2, 400},
        {"length list", "POST /a HTTP/1.1\r\nContent-Length: 3, 4" + crlf2, 400},
        {"negative length", "POST /a HTTP/1.1\r\nContent-Length: -1" + crlf2, 400},
        {"huge length", "POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999" + crlf2, 400},
        {"chunked twice",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked" + crlf2,
         400},
        {"other encoding", "POST /a HTTP/1.1\r\nTransfer-Encoding: gzip" + crlf2, 501},
        {"encodings", "POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked" + crlf2, 501},
        {"bad chunk size", "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "x\r\n", 400},
        {"negative chunk", "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "-1\r\n",
         400},
        {"endless chunk size",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + std::string(5'000, '0'), 400},
        {"overflowing chunk size",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "fffffffffffffffff\r\n", 400},
        {"bad chunk extension",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "1 \x01;\r\na\r\n", 400},
        {"endless chunk extension",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "1;" + std::string(5'000, 'a'),
         400},
        {"no line end after a chunk",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "1\r\nabcdef\r\n", 400},
        {"length in the trailer",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 +
             "0\r\nContent-Length: 4\r\n\r\n",
         400},
        {"endless trailer",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 +
             "0\r\nX: " + std::string(5'000, 'a'),
         400},
        {"unknown expectation", "POST /a HTTP/1.1\r\nExpect: tea" + crlf2, 417},
        {"unknown coding", "POST /a HTTP/1.1\r\nContent-Encoding: br" + crlf2, 415},
        {"not gzip",
         "POST /a HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3" + crlf2 + "abc", 400},
        {"long target", "GET /" + std::string(3'000, 'a') + " HTTP/1.1" + crlf2, 431},
        {"long field", "GET /a HTTP/1.1\r\nX: " + std::string(3'000, 'a') + crlf2, 431},
        {"endless head", "GET /a HTTP/1.1\r\nX: " + std::string(3'000, 'a'), 431},
        {"announced body", "POST /a HTTP/1.1\r\nContent-Length: 10001" + crlf2, 413},
        {"chunked body", "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "2711\r\n",
         413},
    };
    return rows;
}

TEST_F(Malformed, IsRefusedAndTheConnectionClosed) {
    for (const Row& row : refused_rows()) {
        SCOPED_TRACE(row.name);
        RawClient client(server_.port());
        client.send(row.request);
        const std::string response = client.read_all();
        EXPECT_THAT(response, StartsWith(fmt::format("HTTP/1.1 {} ", row.status)));
        EXPECT_THAT(response, HasSubstr("Connection: close\r\n"));
        EXPECT_EQ(response.find("HTTP/1.1", 1), std::string::npos) << response;
    }
    EXPECT_EQ(server_.stats().requests_refused, refused_rows().size());
    EXPECT_EQ(server_.stats().requests_total, 0);
    expect_serving();
}

TEST_F(Malformed, IsRefusedByteByByteToo) {
    for (const Row& row : refused_rows()) {
        SCOPED_TRACE(row.name);
        RawClient client(server_.port());
        // The server may close in the middle: then the rest does not matter.
        for (const char c : row.request)
            if (!client.send({&c, 1})) break;
        EXPECT_THAT(client.read_all(), StartsWith(fmt::format("HTTP/1.1 {} ", row.status)));
    }
    expect_serving();
}

TEST_F(Malformed, UnusualButValidIsServed) {
    const Row rows[] = {
        {"absolute form", "GET http://host:1/a?b HTTP/1.1" + crlf2, 202},
        {"absolute form without path", "GET http://host HTTP/1.1" + crlf2, 202},
        {"star", "OPTIONS * HTTP/1.1" + crlf2, 202},
        {"empty lines first", "\r\n\r\nGET /a HTTP/1.1" + crlf2, 202},
        {"unknown method", "BREW /a HTTP/1.1" + crlf2, 405},
        {"unknown path", "GET /nothing HTTP/1.1" + crlf2, 404},
        {"dots", "GET /../../etc/passwd HTTP/1.1" + crlf2, 404},
        {"same length twice",
         "POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1" + crlf2 + "x", 202},
        {"empty value", "GET /a HTTP/1.1\r\nX:" + crlf2, 202},
        {"trailer",
         "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked" + crlf2 + "1\r\na\r\n0\r\nX: y" + crlf2,
         202},
        {"upper case", "POST /a HTTP/1.1\r\nTRANSFER-ENCODING: CHUNKED" + crlf2 + "0" + crlf2, 202},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        RawClient client(server_.port());
        client.send(row.request);
        EXPECT_THAT(client.read_response(), StartsWith(fmt::format("HTTP/1.1 {} ", row.status)));
    }
    expect_serving();
}

TEST_F(Malformed, BombIsTooLarge) {
    const std::string bomb = gzip(std::string(2'000'000, '\0'));
    ASSERT_LT(bomb.size(), 10'000);
    RawClient client(server_.port());
    client.send(
        fmt::format("POST /a HTTP/1.1\r\nContent-Encoding: gzip\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    bomb.size(), bomb));
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(Malformed, AnswerReachesAClientThatStillSends) {
    RawClient client(server_.port());
    client.send("POST /a HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    client.send(std::string(1'000'000, 'x'));
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
    EXPECT_EQ(server_.stats().bodies_refused, 1);
}

TEST_F(Malformed, RequestsBehindARefusedOneAreNotServed) {
    RawClient client(server_.port());
    client.send("GET a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.read_all(), testing::Not(HasSubstr("HTTP/1.1 202")));
    EXPECT_EQ(server_.stats().requests_total, 0);
}

ServerOptions impatient() {
    ServerOptions options;
    options.head_deadline = 50ms;
    options.body_deadline = 50ms;
    options.idle_deadline = 50ms;
    return options;
}

class Slow : public Malformed {
protected:
    Slow() : Malformed(impatient()) {}
};

TEST_F(Slow, HeadTimesOut) {
    RawClient client(server_.port());
    client.send("GET /a HTTP/1.1\r\nX: ");
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 408 "));
    expect_serving();
}

TEST_F(Slow, HeadThatDripsTimesOutToo) {
    RawClient client(server_.port());
    client.send("GET /a HTTP/1.1\r\nX: ");
    // Each byte is progress, but the deadline is for the whole head.
    while (client.send("a")) {
    }
    EXPECT_EQ(server_.stats().requests_refused, 1);
    EXPECT_EQ(server_.stats().requests_total, 0);
}

TEST_F(Slow, BodyTimesOut) {
    for (const char* framing : {"Content-Length: 5", "Transfer-Encoding: chunked"}) {
        RawClient client(server_.port());
        client.send(fmt::format("POST /a HTTP/1.1\r\n{}\r\n\r\n1", framing));
        EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 408 "));
    }
}

TEST_F(Slow, IdleConnectionIsClosedWithoutAWord) {
    RawClient fresh(server_.port());
    EXPECT_TRUE(fresh.is_closed());
    RawClient used(server_.port());
    used.send("GET /a HTTP/1.1\r\n\r\n");
    EXPECT_THAT(used.read_response(), StartsWith("HTTP/1.1 202 "));
    EXPECT_TRUE(used.is_closed());
    EXPECT_EQ(server_.stats().requests_refused, 0);
}

TEST(Caps, ConnectionsBeyondAreTurnedAway) {
    for (const bool per_ip : {false, true}) {
        ServerOptions options;
        (per_ip ? options.connections_per_ip_max : options.connections_max) = 2;
        Server server(options, accepting());
        ASSERT_TRUE(server.start());
        auto first = std::make_unique<RawClient>(server.port());
        RawClient second(server.port());
        for (RawClient* client : {first.get(), &second}) {
            client->send("GET /a HTTP/1.1\r\n\r\n");
            EXPECT_THAT(client->read_response(), StartsWith("HTTP/1.1 202 "));
        }
        EXPECT_EQ(server.stats().connections_open, 2);
        RawClient third(server.port());
        const std::string refused = third.read_all();
        EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
        EXPECT_THAT(refused, HasSubstr(per_ip ? "2 of one address" : "2 may be open at a time"));
        EXPECT_EQ(server.stats().connections_refused, 1);
        // A place that is freed can be taken.
        first->send("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n");
        first->read_all();
        first.reset();
        while (server.stats().connections_open == 2) std::this_thread::yield();
        RawClient fourth(server.port());
        fourth.send("GET /a HTTP/1.1\r\n\r\n");
        EXPECT_THAT(fourth.read_response(), StartsWith("HTTP/1.1 202 "));
    }
}

}  // namespace
}  // namespace tepui::http
