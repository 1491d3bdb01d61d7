#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http/client.h"
#include "http/gzip.h"
#include "http/parser.h"
#include "http/router.h"
#include "http/text.h"

namespace tepui::http {
namespace {

asio::awaitable<Response> nothing(Request) { co_return Response::empty(200); }

TEST(Headers, CompareWithoutCase) {
    Headers headers{{"Content-Type", "a"}, {"X", "1"}};
    headers.add("x", "2");
    EXPECT_EQ(headers.find("content-TYPE"), "a");
    EXPECT_EQ(headers.find("X"), "1");
    EXPECT_FALSE(headers.contains("Y"));
    headers.set("x", "3");
    EXPECT_EQ(headers.find("X"), "3");
    EXPECT_EQ(headers.all().size(), 2);
}

TEST(Response, ErrorsHaveTheirStatus) {
    const std::pair<Errc, unsigned> rows[] = {{Errc::invalid_argument, 400},
                                              {Errc::unauthenticated, 401},
                                              {Errc::denied, 403},
                                              {Errc::not_found, 404},
                                              {Errc::conflict, 409},
                                              {Errc::too_large, 413},
                                              {Errc::unsupported, 501},
                                              {Errc::not_leader, 503},
                                              {Errc::unavailable, 503},
                                              {Errc::timeout, 504},
                                              {Errc::io, 500},
                                              {Errc::internal, 500}};
    for (const auto& [code, status] : rows) {
        const Response response = Response::error({code, "why"});
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(*response.body, "why");
        EXPECT_EQ(response.headers.find("Content-Type"), "text/plain; charset=utf-8");
    }
}

TEST(Router, FindsTheLongestPrefixOfWholeParts) {
    Router router({"/master", "/slave(1)"});
    for (const char* path : {"/", "/api/v1", "/api/v1/executor", "/state", "/tasks", "/files/read"})
        router.add(path, {"GET"}, nothing);
    struct Row {
        const char* path;
        const char* want;
    };
    const Row rows[] = {
        {"/", "/"},
        {"/state", "/state"},
        {"/state/", "/state"},
        {"/state//", "/state"},
        {"/state.json", "/state"},
        {"/state.json/", "/state"},
        {"/state.json/more", "/state"},
        {"/state.xml", nullptr},
        {"/states", nullptr},
        {"/.json", nullptr},
        {"/tasks/a/b", "/tasks"},
        {"/api/v1/operator", "/api/v1"},
        {"/api/v1/executor", "/api/v1/executor"},
        {"/api", nullptr},
        {"/master/state", "/state"},
        {"/master/state.json", "/state"},
        {"/master/api/v1/operator/", "/api/v1"},
        {"/slave(1)/api/v1", "/api/v1"},
        {"/slave(2)/api/v1", nullptr},
        {"/masters/state", nullptr},
        {"/master", "/"},
        {"/master/slave(1)/state", nullptr},
        {"/files/read", "/files/read"},
        {"/files", nullptr},
        {"", "/"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.path);
        const Router::Route* route = router.find(row.path);
        EXPECT_EQ(route == nullptr ? "none" : route->path, row.want ? row.want : "none");
    }
}

TEST(Router, TheLastRouteOfAPathCounts) {
    Router router;
    router.add("/a", {"GET"}, nothing);
    router.add("/a/", {"POST"}, nothing);
    EXPECT_EQ(router.find("/a")->methods, std::set<std::string>{"POST"});
}

Response serve(const Router& router, std::string method, std::string path) {
    asio::io_context context;
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    auto future = asio::co_spawn(context, router.serve(std::move(request)), asio::use_future);
    context.run();
    return future.get();
}

TEST(Router, AnswersWrongPathsAndMethodsItself) {
    Router router;
    router.add("/a", {"GET", "POST"}, [](Request request) -> asio::awaitable<Response> {
        co_return Response::text(200, request.method);
    });
    EXPECT_EQ(*serve(router, "POST", "/a").body, "POST");
    EXPECT_EQ(*serve(router, "HEAD", "/a").body, "GET");
    EXPECT_EQ(serve(router, "GET", "/b").status, 404);
    const Response refused = serve(router, "BREW", "/a");
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.headers.find("Allow"), "GET, POST");
}

TEST(Text, PercentDecodes) {
    EXPECT_EQ(percent_decode("a%2Fb%41+c"), "a/bA+c");
    EXPECT_EQ(percent_decode("a+b", true), "a b");
    EXPECT_EQ(percent_decode("%c3%a9"), "\xc3\xa9");
    for (const char* bad : {"%", "%4", "%zz", "a%2", "%00"})
        EXPECT_FALSE(percent_decode(bad)) << bad;
}

RC_GTEST_PROP(Text, PercentDecodeUndoesEncode, ()) {
    const auto text = *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
    RC_ASSERT(percent_decode(percent_encode(text)).value() == text);
    RC_ASSERT(percent_decode(percent_encode(text), true).value() == text);
}

TEST(Text, ParsesQueries) {
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(parse_query("a=1&b=x%26y&c&=d&&e=f=g&h=+"),
              (Pairs{{"a", "1"}, {"b", "x&y"}, {"c", ""}, {"", "d"}, {"e", "f=g"}, {"h", " "}}));
    EXPECT_EQ(parse_query(""), Pairs{});
    EXPECT_FALSE(parse_query("a=%"));
}

TEST(Text, ParsesUrls) {
    struct Row {
        const char* text;
        const char* want;
    };  // Null: refused.
    const Row rows[] = {
        {"http://a:5050/b?c=d", "http://a:5050/b?c=d"},
        {"//a:5050/b", "http://a:5050/b"},
        {"a:5050", "http://a:5050/"},
        {"a", "http://a:80/"},
        {"a?b=http://c/", "http://a:80/?b=http://c/"},
        {"https://a", "https://a:443/"},
        {"HTTP://a/", "http://a:80/"},
        {"http://user@a:1/b", "http://a:1/b"},
        {"http://[::1]:5050/x", "http://[::1]:5050/x"},
        {"[::1]", "http://[::1]:80/"},
        {"http://a/b#c", "http://a:80/b"},
        {"http://", nullptr},
        {"http:///x", nullptr},
        {"", nullptr},
        {"ftp://a/", nullptr},
        {"a:0", nullptr},
        {"a:65536", nullptr},
        {"a:b", nullptr},
        {"a:", nullptr},
        {"http://a/b c", nullptr},
        {"http://a/\r\nX: y", nullptr},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto url = parse_url(row.text);
        EXPECT_EQ(url ? to_string(*url) : "refused", row.want ? row.want : "refused");
    }
}

TEST(Gzip, RefusesBrokenBytes) {
    const std::string whole = gzip("some text that is long enough");
    EXPECT_EQ(gunzip(whole, 29), "some text that is long enough");
    EXPECT_EQ(gunzip(whole, 28).error().code, Errc::too_large);
    EXPECT_EQ(gunzip(gzip(""), 0), "");
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(gunzip(whole.substr(0, size), 100));
    EXPECT_FALSE(gunzip(whole + "x", 100));
    std::string flipped = whole;
    flipped[whole.size() - 6] ^= 1;  // In the checksum.
    EXPECT_EQ(gunzip(flipped, 100).error().code, Errc::invalid_argument);
}

RC_GTEST_PROP(Gzip, GunzipUndoesGzip, (const std::string& text)) {
    RC_ASSERT(gunzip(gzip(text), text.size()).value() == text);
}

/// However the bytes are cut, the parser gives the same request.
RC_GTEST_PROP(RequestParser, DoesNotDependOnCuts, (const std::vector<std::uint8_t>& cuts)) {
    const std::string text =
        "POST /a%20b?c=d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\nGET /next";
    RequestParser parser({});
    std::string waiting;
    std::size_t sent = 0;
    for (std::size_t i = 0; !parser.done(); ++i) {
        const std::size_t step = cuts.empty() ? text.size() : cuts[i % cuts.size()] % 7 + 1;
        waiting += text.substr(sent, step);
        sent = std::min(sent + step, text.size());
        waiting.erase(0, parser.feed(waiting));
        RC_ASSERT(!parser.failure());
        RC_ASSERT((parser.done() || sent < text.size()));
    }
    const Request request = parser.take();
    RC_ASSERT(request.path == "/a b");
    RC_ASSERT(request.query_value("c") == "d");
    RC_ASSERT(request.body == "hello world");
    RC_ASSERT(request.headers.all().size() == 2U);
    RC_ASSERT(waiting + text.substr(sent) == "GET /next");
}

}  // namespace
}  // namespace tepui::http
