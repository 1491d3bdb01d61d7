// Statuses, headers and small bodies of every route, over a real socket.
#include <gmock/gmock.h>

#include "master/routes/routes_testing.h"

namespace tepui::master {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// The cases of the recorded error-statuses, with the recorded statuses.
TEST_F(RoutesTest, BadRequestsHaveTheRecordedStatuses) {
    struct Row {
        const char* name;
        const char* method;
        const char* target;
        http::Headers headers;
        const char* body;
        unsigned status;
    };
    const http::Headers json{{"Content-Type", "application/json"}};
    const char* scheduler = "/api/v1/scheduler";
    const char* subscribe =
        R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}})";
    const Row rows[] = {
        {"not JSON", "POST", scheduler, json, "this is not JSON", 400},
        {"empty body", "POST", scheduler, json, "", 400},
        {"GET", "GET", scheduler, {}, "", 405},
        {"PUT", "PUT", scheduler, json, "{}", 405},
        {"text/plain", "POST", scheduler, {{"Content-Type", "text/plain"}}, subscribe, 415},
        {"with charset",
         "POST",
         scheduler,
         {{"Content-Type", "application/json; charset=utf-8"}},
         subscribe,
         415},
        {"no content type", "POST", scheduler, {}, subscribe, 400},
        {"accept text/html",
         "POST",
         scheduler,
         {{"Content-Type", "application/json"}, {"Accept", "text/html"}},
         subscribe,
         406},
        {"no type", "POST", scheduler, json, "{}", 400},
        {"unknown type", "POST", scheduler, json, R"({"type":"NO_SUCH_CALL"})", 400},
        {"SUBSCRIBE with stream id",
         "POST",
         scheduler,
         {{"Content-Type", "application/json"}, {"Mesos-Stream-Id", "x"}},
         subscribe,
         400},
        {"SUBSCRIBE without subscribe", "POST", scheduler, json, R"({"type":"SUBSCRIBE"})", 400},
        {"SUBSCRIBE with two ids", "POST", scheduler, json,
         R"({"type":"SUBSCRIBE","framework_id":{"value":"a"},"subscribe":{"framework_info":{"user":"u","name":"n"}}})",
         400},
        {"REVIVE of unknown framework",
         "POST",
         scheduler,
         {{"Content-Type", "application/json"}, {"Mesos-Stream-Id", "x"}},
         R"({"type":"REVIVE","framework_id":{"value":"nobody"}})",
         400},
        {"REVIVE without framework id", "POST", scheduler, json, R"({"type":"REVIVE"})", 400},
        {"long stream id",
         "POST",
         scheduler,
         {{"Content-Type", "application/json"}, {"Mesos-Stream-Id", std::string(129, 'x')}},
         R"({"type":"REVIVE","framework_id":{"value":"nobody"}})",
         400},
        {"operator: no type", "POST", "/api/v1", json, "{}", 400},
        {"operator: unknown type", "POST", "/api/v1", json, R"({"type":"NO_SUCH_CALL"})", 400},
        {"operator: GET_METRICS without get_metrics", "POST", "/api/v1", json,
         R"({"type":"GET_METRICS"})", 400},
        {"operator: GET", "GET", "/api/v1", {}, "", 405},
        {"operator: TEARDOWN of unknown framework", "POST", "/api/v1", json,
         R"({"type":"TEARDOWN","teardown":{"framework_id":{"value":"nobody"}}})", 400},
        {"operator: MARK_AGENT_GONE of unknown agent", "POST", "/api/v1", json,
         R"({"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"nobody"}}})", 404},
        {"operator: READ_FILE of unknown path", "POST", "/api/v1", json,
         R"({"type":"READ_FILE","read_file":{"path":"/etc/passwd","offset":0}})", 404},
        {"operator: LIST_FILES of unknown path", "POST", "/api/v1", json,
         R"({"type":"LIST_FILES","list_files":{"path":"/etc"}})", 404},
        {"operator: SET_LOGGING_LEVEL without a level", "POST", "/api/v1", json,
         R"({"type":"SET_LOGGING_LEVEL","set_logging_level":{"duration":{"nanoseconds":1}}})", 400},
        {"operator: accept text/html",
         "POST",
         "/api/v1",
         {{"Content-Type", "application/json"}, {"Accept", "text/html"}},
         R"({"type":"GET_HEALTH"})",
         406},
        {"teardown without body", "POST", "/teardown", {}, "", 400},
        {"teardown of unknown framework", "POST", "/teardown", {}, "frameworkId=nobody", 400},
        {"unknown path", "GET", "/nonexistent", {}, "", 404},
        {"state by POST", "POST", "/state", {}, "", 200},
        {"tasks: limit", "GET", "/tasks?limit=many", {}, "", 400},
        {"tasks: order", "GET", "/tasks?order=random", {}, "", 400},
        {"metrics: timeout", "GET", "/metrics/snapshot?timeout=soon", {}, "", 400},
        {"files: no path", "GET", "/files/read", {}, "", 400},
        {"files: unknown path", "GET", "/files/read?path=/etc/passwd", {}, "", 404},
        {"files: out of the log",
         "GET",
         "/files/read?path=/master/log/../../../etc/passwd",
         {},
         "",
         404},
        {"files: unknown folder", "GET", "/files/browse?path=/", {}, "", 404},
        {"files: unknown download", "GET", "/files/download?path=/nothing", {}, "", 404},
        {"files: negative offset", "GET", "/files/read?path=/master/log&offset=-7", {}, "", 400},
        {"jsonp with code", "GET", "/version?jsonp=alert(1)%2F%2F", {}, "", 400},
        {"agent link without upgrade", "GET", "/tepui/agent-link", {}, "", 426},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        auto request = client_->make(row.method, row.target, row.body);
        request.headers = row.headers;
        const http::Response response = client_->send(std::move(request));
        EXPECT_EQ(response.status, row.status) << (response.body ? *response.body : "");
        if (row.status == 405) EXPECT_EQ(response.headers.find("Allow"), "POST");
    }
}

TEST_F(RoutesTest, AnInvalidSubscriptionGetsAnErrorOnItsStream) {
    auto request = client_->make(
        "POST", "/api/v1/scheduler",
        R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["a"]}}})");
    request.headers.set("Content-Type", "application/json");
    const http::Response response =
        client_->send(std::move(request));  // The master ends the stream.
    EXPECT_EQ(response.status, 200U);
    EXPECT_TRUE(response.headers.contains("Mesos-Stream-Id"));
    EXPECT_THAT(*response.body, HasSubstr(R"({"type":"ERROR","error":{"message":)"));
}

TEST_F(RoutesTest, AnswersUnderItsPrefixAndBelowItsPaths) {
    for (const char* target :
         {"/state", "/master/state", "/state.json", "/master/state/", "/slaves/some-id",
          "/master/health", "/master/metrics/snapshot?timeout=2000ms"}) {
        SCOPED_TRACE(target);
        EXPECT_EQ(client_->get(target).status, 200U);
    }
    auto request = client_->make("POST", "/master/api/v1/operator", R"({"type":"GET_HEALTH"})");
    request.headers.set("Content-Type", "application/json");
    EXPECT_EQ(*client_->send(std::move(request)).body,
              R"({"type":"GET_HEALTH","get_health":{"healthy":true}})");
}

TEST_F(RoutesTest, SmallAnswers) {
    EXPECT_EQ(client_->get("/health").status, 200U);
    EXPECT_THAT(*client_->get("/version").body, StartsWith(R"({"version":"1.12.0",)"));
    EXPECT_THAT(*client_->get("/flags").body, HasSubstr(R"("given":"as is")"));
    EXPECT_THAT(*client_->get("/flags").body, HasSubstr(R"("agent_ping_timeout":"15secs")"));

    const auto redirect = client_->get("/master/redirect");
    EXPECT_EQ(redirect.status, 307U);
    EXPECT_EQ(redirect.headers.find("Location"),
              fmt::format("//master.example:{}", master_->port()));

    const auto jsonp = client_->get("/version?jsonp=page.show");
    EXPECT_EQ(jsonp.headers.find("Content-Type"), "text/javascript");
    EXPECT_THAT(*jsonp.body, StartsWith("page.show({"));
    EXPECT_THAT(*jsonp.body, EndsWith("});"));

    const std::string metrics = *client_->get("/metrics/snapshot").body;
    for (const char* name : {"master/uptime_secs", "master/elected", "master/messages_kill_task",
                             "master/cpus_total", "master/tasks_lost", "registrar/state_store_ms",
                             "system/cpus_total", "allocator/mesos/resources/cpus/total"})
        EXPECT_THAT(metrics, HasSubstr(fmt::format("\"{}\":", name)));
}

TEST_F(RoutesTest, ShowsItsLog) {
    EXPECT_EQ(*client_->get("/files/browse?path=/master/log").body, "[]");
    EXPECT_EQ(*client_->get("/files/debug").body,
              fmt::format(R"({{"/master/log":"{}/log/master.log"}})", folder_.path()));
    EXPECT_THAT(*client_->get("/files/read?path=/master/log&offset=-1").body,
                StartsWith(R"({"data":"","offset":)"));
    EXPECT_THAT(*client_->get("/files/read?path=/master/log&offset=0&length=4").body,
                HasSubstr(R"("offset":0})"));
    const auto download = client_->get("/files/download?path=/master/log");
    EXPECT_EQ(download.headers.find("Content-Disposition"), "attachment; filename=\"log\"");
    EXPECT_THAT(*download.body, HasSubstr("serves as"));

    mesos::v1::master::Call call;
    call.set_type(mesos::v1::master::Call::READ_FILE);
    call.mutable_read_file()->set_path("/master/log");
    call.mutable_read_file()->set_offset(2);
    call.mutable_read_file()->set_length(3);
    const auto page = client_->call(call, wire::Media::protobuf).read_file();
    EXPECT_EQ(page.data(), download.body->substr(2, 3));
    EXPECT_GE(page.size(), download.body->size());
}

TEST_F(RoutesTest, BothEncodingsSayWhoTheMasterIs) {
    mesos::v1::master::Call call;
    call.set_type(mesos::v1::master::Call::GET_MASTER);
    for (const wire::Media media : {wire::Media::json, wire::Media::protobuf}) {
        const auto info = client_->call(call, media).get_master().master_info();
        EXPECT_EQ(info.hostname(), "master.example");
        EXPECT_EQ(info.port(), master_->port());
        EXPECT_EQ(info.pid(), fmt::format("master@127.0.0.1:{}", master_->port()));
    }
}

}  // namespace
}  // namespace tepui::master
