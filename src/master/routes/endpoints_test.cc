// What the endpoints and the operator's reads answer, with a framework and an agent there.
#include <gmock/gmock.h>

#include "master/routes/routes_testing.h"

namespace tepui::master {
namespace {

using mesos::v1::master::Call;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class EndpointsTest : public RoutesTest {
protected:
    mesos::v1::master::Response ask(Call::Type type) {
        Call call;
        call.set_type(type);
        return client_->call(call, wire::Media::json);
    }
    unsigned post(const std::string& json) { return client_->post_json("/api/v1", json).status; }
};

TEST_F(EndpointsTest, CallsThatAreNotServedNameThemselves) {
    const std::map<std::string, std::string> calls{
        {"RESERVE_RESOURCES", R"({"agent_id":{"value":"a"},"resources":[]})"},
        {"UNRESERVE_RESOURCES", R"({"agent_id":{"value":"a"},"resources":[]})"},
        {"CREATE_VOLUMES", R"({"agent_id":{"value":"a"},"volumes":[]})"},
        {"DESTROY_VOLUMES", R"({"agent_id":{"value":"a"},"volumes":[]})"},
        {"GET_MAINTENANCE_STATUS", ""},
        {"GET_MAINTENANCE_SCHEDULE", ""},
        {"UPDATE_MAINTENANCE_SCHEDULE", R"({"schedule":{"windows":[]}})"},
        {"START_MAINTENANCE", R"({"machines":[]})"},
        {"STOP_MAINTENANCE", R"({"machines":[]})"},
        {"GET_QUOTA", ""},
        {"REMOVE_QUOTA", R"({"role":"r"})"},
        {"UPDATE_QUOTA", R"({"quota_configs":[]})"},
        {"DRAIN_AGENT", R"({"agent_id":{"value":"a"}})"},
    };
    for (const auto& [type, fields] : calls) {
        SCOPED_TRACE(type);
        std::string field = type;
        for (char& c : field) c = static_cast<char>(std::tolower(c));
        const std::string json =
            fields.empty() ? fmt::format(R"({{"type":"{}"}})", type)
                           : fmt::format(R"({{"type":"{}","{}":{}}})", type, field, fields);
        const auto response = client_->post_json("/api/v1", json);
        EXPECT_EQ(response.status, 501U) << *response.body;
        EXPECT_THAT(*response.body, HasSubstr(type));
    }
}

TEST_F(EndpointsTest, EndpointsThatAreNotServedNameThemselves) {
    const std::pair<const char*, const char*> rows[] = {{"POST", "/reserve"},
                                                        {"POST", "/unreserve"},
                                                        {"POST", "/create-volumes"},
                                                        {"POST", "/destroy-volumes"},
                                                        {"GET", "/quota"},
                                                        {"DELETE", "/quota/role/sub"},
                                                        {"GET", "/maintenance/status"},
                                                        {"POST", "/master/maintenance/schedule"},
                                                        {"POST", "/machine/down"},
                                                        {"POST", "/machine/up"}};
    for (const auto& [method, path] : rows) {
        SCOPED_TRACE(path);
        const auto response = client_->send(client_->make(method, path));
        EXPECT_EQ(response.status, 501U);
        EXPECT_THAT(*response.body, HasSubstr("is not supported by this master"));
    }
    EXPECT_EQ(client_->get("/machine/down").status, 405U);
}

TEST_F(EndpointsTest, TheLogCanBeRaised) {
    EXPECT_EQ(ask(Call::GET_LOGGING_LEVEL).get_logging_level().level(), 0U);
    EXPECT_EQ(post(R"({"type":"SET_LOGGING_LEVEL",
                       "set_logging_level":{"level":2,"duration":{"nanoseconds":600000000000}}})"),
              200U);
    EXPECT_EQ(ask(Call::GET_LOGGING_LEVEL).get_logging_level().level(), 2U);
    EXPECT_EQ(body("/logging/toggle"), "2\n");
    body("/version?told");
    EXPECT_THAT(body("/files/download?path=/master/log"), HasSubstr("GET /version?told from 127"));
    EXPECT_EQ(post(R"({"type":"SET_LOGGING_LEVEL",
                       "set_logging_level":{"level":1,"duration":{"nanoseconds":-1}}})"),
              400U);
    EXPECT_EQ(body("/logging/toggle?level=0&duration=1secs"), "");
    EXPECT_EQ(ask(Call::GET_LOGGING_LEVEL).get_logging_level().level(), 0U);
}

TEST_F(EndpointsTest, Weights) {
    EXPECT_EQ(body("/weights"), R"([{"role":"silver","weight":2.5}])");
    const auto weights = ask(Call::GET_WEIGHTS).get_weights();
    ASSERT_EQ(weights.weight_infos_size(), 1);
    EXPECT_EQ(weights.weight_infos(0).role(), "silver");
    EXPECT_EQ(weights.weight_infos(0).weight(), 2.5);
}

TEST_F(EndpointsTest, WeightsAreSet) {
    const auto put = [&](std::string weights) {
        return client_->send(client_->make("PUT", "/weights", std::move(weights)));
    };
    const auto response = put(R"( [{"role":"gold","weight":0.5},{"role":"a/b","weight":3}])");
    EXPECT_EQ(response.status, 200U) << *response.body;
    EXPECT_EQ(post(R"({"type":"UPDATE_WEIGHTS",
                       "update_weights":{"weight_infos":[{"role":"gold","weight":4}]}})"),
              200U);
    EXPECT_EQ(body("/weights"), R"([{"role":"a/b","weight":3.0},{"role":"gold","weight":4.0},)"
                                R"({"role":"silver","weight":2.5}])");
    EXPECT_EQ(ask(Call::GET_WEIGHTS).get_weights().weight_infos_size(), 3);
    EXPECT_THAT(body("/roles"), HasSubstr(R"("name":"gold","weight":4.0)"));
    EXPECT_THAT(body("/roles"), HasSubstr(R"("name":"a","weight":1.0)"));
    for (const char* bad : {R"([{"role":"x","weight":0}])", R"([{"role":"a//b","weight":1}])",
                            R"({"role":"x","weight":1})", "[", "", R"([{"role":"x"}])"}) {
        EXPECT_EQ(put(bad).status, 400U) << bad;
    }
    EXPECT_THAT(*put("{}").body, HasSubstr(R"([{"role":)"));
    EXPECT_EQ(post(R"({"type":"UPDATE_WEIGHTS"})"), 400U);
    EXPECT_EQ(post(R"({"type":"UPDATE_WEIGHTS",
                       "update_weights":{"weight_infos":[{"role":"x","weight":-1}]}})"),
              400U);
    EXPECT_EQ(ask(Call::GET_WEIGHTS).get_weights().weight_infos_size(), 3);
}

TEST_F(EndpointsTest, AgentsAreTakenOutOfUse) {
    TestAgent agent(io_, master_->port());
    agent.register_agent(test_agent_info("one.example"));
    const auto wish = [&](const char* type, const char* field, const std::string& id) {
        return post(fmt::format(R"({{"type":"{}","{}":{{"agent_id":{{"value":"{}"}}}}}})", type,
                                field, id));
    };
    const auto deactivate = [&] {
        return wish("DEACTIVATE_AGENT", "deactivate_agent", agent.id());
    };
    const auto reactivate = [&] {
        return wish("REACTIVATE_AGENT", "reactivate_agent", agent.id());
    };
    const auto expect_shown = [&](bool deactivated) {
        const auto shown = ask(Call::GET_AGENTS).get_agents().agents(0);
        EXPECT_EQ(shown.deactivated(), deactivated);
        EXPECT_EQ(shown.active(), !deactivated);
        const std::string text = deactivated ? R"("active":false,"deactivated":true)"
                                             : R"("active":true,"deactivated":false)";
        EXPECT_THAT(body("/slaves"), HasSubstr(text));
        EXPECT_THAT(body("/state"), HasSubstr(text));
        EXPECT_THAT(body("/state"), HasSubstr(deactivated ? R"("deactivated_slaves":1.0)"
                                                          : R"("deactivated_slaves":0.0)"));
        EXPECT_THAT(body("/metrics/snapshot"),
                    HasSubstr(deactivated ? R"("master/slaves_inactive":1.0)"
                                          : R"("master/slaves_inactive":0.0)"));
    };
    EXPECT_EQ(reactivate(), 409U);
    EXPECT_EQ(deactivate(), 200U);
    expect_shown(true);
    EXPECT_EQ(deactivate(), 200U);
    EXPECT_EQ(reactivate(), 200U);
    expect_shown(false);
    EXPECT_EQ(wish("DEACTIVATE_AGENT", "deactivate_agent", "nobody"), 400U);
    EXPECT_EQ(wish("REACTIVATE_AGENT", "reactivate_agent", "nobody"), 400U);
    EXPECT_EQ(post(R"({"type":"DEACTIVATE_AGENT"})"), 400U);
}

TEST_F(EndpointsTest, NoOperationsYet) {
    EXPECT_EQ(*client_->post_json("/api/v1", R"({"type":"GET_OPERATIONS"})").body,
              R"({"type":"GET_OPERATIONS","get_operations":{}})");
}

TEST_F(EndpointsTest, OneAgentOrAll) {
    TestAgent first(io_, master_->port());
    TestAgent second(io_, master_->port());
    first.register_agent(test_agent_info("one.example"));
    second.register_agent(test_agent_info("two.example"));
    for (const char* target : {"/slaves", "/slaves/", "/slaves?slave_id="}) {
        EXPECT_THAT(body(target), HasSubstr("one.example")) << target;
        EXPECT_THAT(body(target), HasSubstr("two.example")) << target;
    }
    const std::string one = body("/slaves?slave_id=" + first.id());
    EXPECT_THAT(one, HasSubstr("one.example"));
    EXPECT_THAT(one, Not(HasSubstr("two.example")));
    // A path below it is no filter; compose reads this way.
    auto posted = client_->send(client_->make("POST", "/master/slaves/" + first.id()));
    EXPECT_EQ(*posted.body, body("/slaves"));
    EXPECT_EQ(body("/slaves?slave_id=nobody"), R"({"slaves":[],"recovered_slaves":[]})");

    for (const char* target :
         {"/registrar(1)/registry", "/registrar/registry", "/master/registrar(1)/registry"}) {
        SCOPED_TRACE(target);
        const std::string registry = body(target);
        EXPECT_THAT(registry, StartsWith(R"({"master":{"info":{"id":")"));
        EXPECT_THAT(registry, HasSubstr("one.example"));
        EXPECT_THAT(registry, HasSubstr(R"("id":{"value":")" + second.id()));
        EXPECT_THAT(registry, HasSubstr(R"("unreachable":{"slaves":[]},"gone":{"slaves":[]})"));
    }
    EXPECT_EQ(post(R"({"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":")" +
                   second.id() + R"("}}})"),
              200U);
    EXPECT_THAT(body("/registrar/registry"),
                HasSubstr(R"("gone":{"slaves":[{"id":{"value":")" + second.id() +
                          R"("},"timestamp":{"nanoseconds":)"));
}

TEST_F(EndpointsTest, OneFrameworkOrAll) {
    TestScheduler first(io_, master_->port(), wire::Media::json);
    TestScheduler second(io_, master_->port(), wire::Media::json);
    auto info = test_framework_info();
    info.set_name("first");
    first.subscribe(info);
    info.set_name("second");
    second.subscribe(info);
    EXPECT_THAT(body("/frameworks"), HasSubstr(R"("name":"first")"));
    const std::string one = body("/frameworks/?framework_id=" + second.framework_id().value());
    EXPECT_THAT(one, HasSubstr(R"("name":"second")"));
    EXPECT_THAT(one, Not(HasSubstr(R"("name":"first")")));
    EXPECT_EQ(body("/frameworks?framework_id=nobody"),
              R"({"frameworks":[],"completed_frameworks":[],"unregistered_frameworks":[]})");

    auto form = client_->make("POST", "/teardown", "frameworkId=" + first.framework_id().value());
    EXPECT_EQ(client_->send(std::move(form)).status, 200U);
    EXPECT_THAT(body("/frameworks?framework_id=" + first.framework_id().value()),
                StartsWith(R"({"frameworks":[],"completed_frameworks":[{)"));
}

TEST_F(EndpointsTest, ReadsCanBeWrappedForPages) {
    for (const char* path :
         {"/state", "/state-summary", "/slaves", "/frameworks", "/tasks", "/roles", "/weights",
          "/registrar/registry", "/metrics/snapshot", "/version", "/flags", "/system/stats.json",
          "/files/debug", "/__processes__"}) {
        SCOPED_TRACE(path);
        const auto response = client_->get(std::string(path) + "?jsonp=page.show");
        EXPECT_EQ(response.headers.find("Content-Type"), "text/javascript");
        EXPECT_THAT(*response.body, StartsWith("page.show("));
        EXPECT_THAT(*response.body, EndsWith(");"));
    }
}

TEST_F(EndpointsTest, HelpNamesWhatIsThere) {
    const std::string index = body("/help");
    EXPECT_THAT(index, HasSubstr("/state-summary"));
    std::istringstream lines(index);
    std::string line;
    std::getline(lines, line);
    int count = 0;
    while (std::getline(lines, line)) {
        if (!line.starts_with('/')) continue;
        const std::string path = line.substr(0, line.find(' '));
        EXPECT_NE(client_->get(path).status, 404U) << path;
        EXPECT_THAT(body("/help/master" + path), HasSubstr(path));
        ++count;
    }
    EXPECT_GT(count, 40);
    EXPECT_EQ(client_->get("/help/nothing").status, 404U);
}

}  // namespace
}  // namespace tepui::master
