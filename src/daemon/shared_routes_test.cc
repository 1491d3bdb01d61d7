#include "daemon/shared_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <fstream>

#include "base/temporary_directory_testing.h"

namespace tepui::daemon {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A clock that the test moves.
class HandClock final : public env::Clock {
public:
    Now now() const override { return {now_, WallTime{}}; }
    void advance(Duration by) { now_ += by; }

private:
    Instant now_{Duration{0}};
};

struct SharedRoutes : ::testing::Test {
    SharedRoutes() {
        add_shared_routes(router, {files,
                                   pool,
                                   level,
                                   clock,
                                   "slave(1)",
                                   {{"/state", "GET", "All there is.", "jsonp  a name\n"}}});
    }

    http::Response get(const std::string& target, http::Headers headers = {}) {
        http::Request request;
        request.method = "GET";
        request.target = target;
        const std::size_t mark = target.find('?');
        request.path = target.substr(0, mark);
        if (mark != std::string::npos) request.query = *http::parse_query(target.substr(mark + 1));
        request.headers = std::move(headers);
        request.remote = "10.0.0.1:7";
        asio::io_context io;
        auto answer = asio::co_spawn(io, router.serve(std::move(request)), asio::use_future);
        io.run();
        return answer.get();
    }
    std::string text(const std::string& target, http::Headers headers = {}) {
        const auto response = get(target, std::move(headers));
        EXPECT_EQ(response.status, 200U) << target;
        return response.body ? *response.body : "";
    }

    Files files;
    env::WorkerPool pool{1};
    LogLevel level;
    HandClock clock;
    http::Router router{{"/slave(1)"}};
};

TEST_F(SharedRoutes, TheLevelIsRaisedForAWhile) {
    EXPECT_EQ(text("/logging/toggle"), "0\n");
    EXPECT_EQ(text("/slave(1)/logging/toggle?level=2&duration=5mins"), "");
    EXPECT_EQ(text("/logging/toggle"), "2\n");
    clock.advance(5min - 1ns);
    EXPECT_EQ(text("/logging/toggle"), "2\n");
    clock.advance(1ns);
    EXPECT_EQ(text("/logging/toggle"), "0\n");
}

TEST_F(SharedRoutes, TheUsualLevelEndsARaise) {
    text("/logging/toggle?level=3&duration=1hrs");
    text("/logging/toggle?level=0&duration=1secs");
    EXPECT_EQ(text("/logging/toggle"), "0\n");
}

TEST_F(SharedRoutes, BadTogglesAreRefusedAndChangeNothing) {
    for (const char* query :
         {"level=1", "duration=5mins", "level=x&duration=5mins", "level=1&duration=soon",
          "level=-1&duration=5mins", "level=1&duration=-5mins", "level=99999999999&duration=5mins",
          "level=&duration="}) {
        SCOPED_TRACE(query);
        const auto response = get(std::string("/logging/toggle?") + query);
        EXPECT_EQ(response.status, 400U);
        EXPECT_FALSE(response.body->empty());
    }
    EXPECT_EQ(text("/logging/toggle"), "0\n");
}

TEST_F(SharedRoutes, TellsOfTheMachine) {
    for (const char* path : {"/system/stats.json", "/system/stats"}) {
        const std::string json = text(path);
        for (const char* key : {"avg_load_15min", "avg_load_1min", "avg_load_5min", "cpus_total",
                                "mem_free_bytes", "mem_total_bytes"})
            EXPECT_THAT(json, HasSubstr(fmt::format("\"{}\":", key)));
    }
    EXPECT_THAT(text("/system/stats.json?jsonp=show"), StartsWith("show({"));
}

TEST_F(SharedRoutes, WhatIsNotBuiltInSaysSo) {
    for (const char* path : {"/profiler/start", "/profiler/stop", "/memory-profiler/start",
                             "/memory-profiler/download/raw", "/memory-profiler/statistics"}) {
        SCOPED_TRACE(path);
        const auto response = get(path);
        EXPECT_EQ(response.status, 400U);
        EXPECT_THAT(*response.body, HasSubstr("built into"));
    }
    EXPECT_EQ(text("/__processes__"), "[]");
}

TEST_F(SharedRoutes, HelpTellsOfEveryEndpoint) {
    const std::string index = text("/help");
    EXPECT_THAT(index, HasSubstr("/state "));
    for (const std::string& path : router.paths()) EXPECT_THAT(index, HasSubstr(path));
    for (const char* path : {"/help/state", "/help/slave(1)/state", "/slave(1)/help/state/"}) {
        const std::string page = text(path);
        EXPECT_THAT(page, HasSubstr("All there is."));
        EXPECT_THAT(page, HasSubstr("jsonp"));
        EXPECT_THAT(page, Not(HasSubstr("/version")));
    }
    EXPECT_THAT(text("/help/files"), HasSubstr("/files/read"));
    EXPECT_EQ(get("/help/nothing").status, 404U);
    EXPECT_THAT(
        text("/help", {{"Accept", "application/json"}}),
        StartsWith(
            R"json({"processes":[{"id":"slave(1)","endpoints":[{"name":"/__processes__")json"));
}

TEST_F(SharedRoutes, ARaisedLevelLogsRequests) {
    const TemporaryDirectory folder;
    LogOptions options;
    options.to_stderr = false;
    const auto log = *Log::open(options, folder.path(), "agent");
    log_requests(router, level, clock, [log] { return log; });
    const auto written = [&] {
        std::ostringstream all;
        all << std::ifstream(log->path()).rdbuf();
        return all.str();
    };
    text("/help?quiet");
    text("/logging/toggle?level=1&duration=1mins");
    text("/help?loud");
    clock.advance(1min);
    text("/help?quiet+again");
    EXPECT_THAT(written(), HasSubstr("GET /help?loud from 10.0.0.1:7\n"));
    EXPECT_THAT(written(), Not(HasSubstr("quiet")));
}

}  // namespace
}  // namespace tepui::daemon
