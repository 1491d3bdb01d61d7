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

TEST_F(EndpointsTest, MaintenanceIsPlannedAndShown) {
    EXPECT_EQ(body("/maintenance/schedule"), "{}");
    EXPECT_EQ(body("/maintenance/status"), "{}");
    const std::string window = R"({"machine_ids":[{"hostname":"other-host","ip":"10.9.8.7"}],)"
                               R"("unavailability":{"start":{"nanoseconds":1900000000000000000},)"
                               R"("duration":{"nanoseconds":3600000000000}}})";
    const std::string schedule = fmt::format(R"({{"windows":[{}]}})", window);
    EXPECT_EQ(post(fmt::format(R"({{"type":"UPDATE_MAINTENANCE_SCHEDULE",)"
                               R"("update_maintenance_schedule":{{"schedule":{}}}}})",
                               schedule)),
              200U);
    EXPECT_EQ(body("/maintenance/schedule"), schedule);
    EXPECT_EQ(body("/master/maintenance/status"),
              R"({"draining_machines":[{"id":{"hostname":"other-host","ip":"10.9.8.7"}}]})");
    EXPECT_EQ(
        ask(Call::GET_MAINTENANCE_SCHEDULE).get_maintenance_schedule().schedule().windows_size(),
        1);
    const char* machine = R"([{"hostname":"other-host","ip":"10.9.8.7"}])";
    EXPECT_EQ(client_->post_json("/machine/down", machine).status, 200U);
    EXPECT_EQ(client_->post_json("/machine/down", machine).status, 400U);
    EXPECT_EQ(
        ask(Call::GET_MAINTENANCE_STATUS).get_maintenance_status().status().down_machines_size(),
        1);
    EXPECT_EQ(client_->post_json("/maintenance/schedule", R"({"windows":[]})").status, 400U);
    EXPECT_EQ(client_->post_json("/machine/up", machine).status, 200U);
    EXPECT_EQ(body("/maintenance/schedule"), "{}");
    EXPECT_EQ(client_->post_json("/maintenance/schedule", schedule).status, 200U);
    EXPECT_EQ(body("/maintenance/schedule"), schedule);
    EXPECT_EQ(client_->get("/machine/down").status, 405U);
}

TEST_F(EndpointsTest, BadMaintenanceAndDrainsAreRefused) {
    for (const char* body : {"", "{}", "[]", "[{}]", R"([{"hostname":"unplanned"}])", "["}) {
        SCOPED_TRACE(body);
        EXPECT_EQ(client_->post_json("/machine/down", body).status, 400U);
        EXPECT_EQ(client_->post_json("/machine/up", body).status, 400U);
    }
    EXPECT_EQ(client_->post_json("/maintenance/schedule", R"({"windows":[{}]})").status, 400U);
    for (const char* type :
         {"UPDATE_MAINTENANCE_SCHEDULE", "START_MAINTENANCE", "STOP_MAINTENANCE", "DRAIN_AGENT"}) {
        EXPECT_EQ(post(fmt::format(R"({{"type":"{}"}})", type)), 400U) << type;
    }
    const auto unknown = client_->post_json(
        "/api/v1", R"({"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"nobody"},)"
                   R"("max_grace_period":{"seconds":1}}})");
    EXPECT_EQ(unknown.status, 400U);
    EXPECT_THAT(*unknown.body, HasSubstr("nobody"));
    const char* absurd = R"({"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},)"
                         R"("max_grace_period":{"seconds":9223372036854775807}}})";
    EXPECT_EQ(post(absurd), 400U);
    EXPECT_EQ(client_->post_json("/tepui/cancel-drain", R"({"agent_id":"nobody"})").status, 404U);
    EXPECT_EQ(client_->post_json("/tepui/cancel-drain", "{}").status, 400U);
}

TEST_F(EndpointsTest, PrioritiesAreSetAndShown) {
    const auto put = [&](std::string body) {
        return client_->send(client_->make("PUT", "/tepui/priorities", std::move(body)));
    };
    EXPECT_EQ(body("/tepui/priorities"), "{}");
    EXPECT_EQ(put(R"({"prod":10,"batch":-5,"*":1})").status, 200U);
    EXPECT_EQ(body("/tepui/priorities"), R"({"*":1,"batch":-5,"prod":10})");
    EXPECT_EQ(put(R"({"prod":20,"batch":0})").status, 200U);
    EXPECT_EQ(put("{}").status, 200U);
    const std::pair<const char*, const char*> bad[] = {
        {R"({"test":1,"prod/web":10})", "give it to 'prod'"},
        {R"({"test":1,"a b":10})", "a b"},
        {R"({"test":1.5})", "test"},
        {R"({"test":"1"})", "test"},
        {R"({"test":2147483648})", "test"},
        {R"({"test":1,"test":2})", "twice"},
        {R"([{"role":"test"}])", "object"},
        {R"({"test":)", "object"},
        {"", "object"}};
    for (const auto& [text, hint] : bad) {
        const auto answer = put(text);
        EXPECT_EQ(answer.status, 400U) << text;
        EXPECT_THAT(*answer.body, HasSubstr(hint)) << text;
    }
    EXPECT_EQ(body("/tepui/priorities"), R"({"*":1,"prod":20})");
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

TEST_F(EndpointsTest, QuotaIsUpdatedAndShown) {
    EXPECT_EQ(post(R"({"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[
                       {"role":"q","guarantees":{"cpus":{"value":0.5}},
                        "limits":{"cpus":{"value":1},"mem":{"value":512}}}]}})"),
              200U);
    const char* shown =
        R"({"infos":[{"role":"q","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}],)"
        R"("configs":[{"role":"q","guarantees":{"cpus":{"value":0.5}},)"
        R"("limits":{"cpus":{"value":1.0},"mem":{"value":512.0}}}]})";
    EXPECT_EQ(body("/quota"), shown);
    EXPECT_EQ(body("/master/quota"), shown);
    const auto status = ask(Call::GET_QUOTA).get_quota().status();
    ASSERT_EQ(status.configs_size(), 1);
    EXPECT_EQ(status.configs(0).limits().at("mem").value(), 512);
    EXPECT_THAT(body("/roles"),
                HasSubstr(R"("name":"q","weight":1.0,"quota":{"role":"q","guarantee":{"cpus":0.5},)"
                          R"("limit":{"cpus":1.0,"mem":512.0},"consumed":{}})"));
    const std::string metrics = body("/metrics/snapshot");
    for (const char* metric :
         {R"("allocator/mesos/quota/roles/q/resources/cpus/guarantee":0.5)",
          R"("allocator/mesos/quota/roles/q/resources/mem/limit":512)",
          R"("allocator/mesos/quota/roles/q/resources/cpus/offered_or_allocated":0)",
          R"("allocator/mesos/allocation_runs":)"}) {
        EXPECT_THAT(metrics, HasSubstr(metric));
    }
    // Recorded: no force is needed to be refused, and force does not make sense of nonsense.
    for (const char* bad :
         {R"({"role":"r","guarantees":{"cpus":{"value":100000}}})",
          R"({"role":"q/sub","limits":{"cpus":{"value":1}}})",
          R"({"role":"r","guarantees":{"cpus":{"value":2}},"limits":{"cpus":{"value":1}}})"}) {
        EXPECT_EQ(post(fmt::format(
                      R"({{"type":"UPDATE_QUOTA","update_quota":{{"quota_configs":[{}]}}}})", bad)),
                  400U)
            << bad;
    }
    EXPECT_EQ(post(R"({"type":"UPDATE_QUOTA"})"), 400U);
    EXPECT_EQ(post(R"({"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"q"}]}})"),
              200U);
    EXPECT_EQ(body("/quota"), R"({"infos":[{"role":"q"}],"configs":[{"role":"q"}]})");
}

TEST_F(EndpointsTest, QuotaInItsOlderForms) {
    const auto send = [&](const char* method, const char* path, const char* text) {
        return client_->send(client_->make(method, path, text));
    };
    const char* half =
        R"({"role":"old","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}],"force":true})";
    EXPECT_EQ(send("POST", "/quota", half).status, 200U);
    EXPECT_THAT(body("/quota"), HasSubstr(R"("limits":{"cpus":{"value":0.5}})"));
    EXPECT_EQ(send("POST", "/quota", half).status, 400U);
    EXPECT_EQ(send("DELETE", "/master/quota/old", "").status, 200U);
    const auto gone = send("DELETE", "/quota/old", "");
    EXPECT_EQ(gone.status, 400U);
    EXPECT_THAT(*gone.body, HasSubstr("'old' has no quota"));
    EXPECT_EQ(body("/quota"), "{}");
    const auto nested = send("DELETE", "/quota/old/sub", "");
    EXPECT_EQ(nested.status, 400U);
    EXPECT_THAT(*nested.body, HasSubstr("'old/sub' is below 'old'"));
    EXPECT_EQ(send("DELETE", "/quota", "").status, 400U);
    for (const char* bad : {"", "[]", R"({"role":"x"})", R"({"guarantee":[]})"}) {
        EXPECT_EQ(send("POST", "/quota", bad).status, 400U) << bad;
    }
    const auto set = [&](const char* amount) {
        return post(fmt::format(R"({{"type":"SET_QUOTA","set_quota":{{"quota_request":{{"role":"s",
            "guarantee":[{{"name":"cpus","type":"SCALAR","scalar":{{"value":{}}}}}]}}}}}})",
                                amount));
    };
    EXPECT_EQ(set("100"), 409U) << "no agent has so much";
    EXPECT_EQ(set("0.0001"), 200U) << "rounds to nothing";
    EXPECT_EQ(post(R"({"type":"SET_QUOTA"})"), 400U);
    EXPECT_EQ(post(R"({"type":"REMOVE_QUOTA"})"), 400U);
    EXPECT_EQ(post(R"({"type":"REMOVE_QUOTA","remove_quota":{"role":"none"}})"), 400U);
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

TEST_F(EndpointsTest, OperatorsReserveAndMakeVolumes) {
    TestAgent agent(io_, master_->port());
    mesos::v1::AgentInfo info = test_agent_info("one.example");
    *info.mutable_resources() = Resources::parse_flag("cpus:4;mem:1024;disk:100")->to_proto();
    const std::string id = agent.register_agent(info).agent_id().value();
    const std::string cpu = R"({"name":"cpus","type":"SCALAR","scalar":{"value":1},)"
                            R"("reservations":[{"type":"DYNAMIC","role":"web"}]})";
    const auto call = [&](const std::string& type, const std::string& fields) {
        std::string field = type;
        for (char& c : field) c = static_cast<char>(std::tolower(c));
        return post(fmt::format(R"({{"type":"{}","{}":{{"agent_id":{{"value":"{}"}},{}}}}})", type,
                                field, id, fields));
    };
    const auto form = [&](const std::string& path, const std::string& fields) {
        return client_->send(client_->make("POST", path, fmt::format("slaveId={}&{}", id, fields)))
            .status;
    };
    EXPECT_EQ(call("RESERVE_RESOURCES", R"("resources":[)" + cpu + "]"), 202U);
    EXPECT_THAT(body("/slaves"), HasSubstr(R"("reserved_resources_full":{"web":[{"name":"cpus",)"));
    const auto operations = ask(Call::GET_OPERATIONS).get_operations();
    ASSERT_EQ(operations.operations_size(), 1);
    EXPECT_EQ(operations.operations(0).info().type(), mesos::v1::Offer::Operation::RESERVE);
    EXPECT_EQ(operations.operations(0).latest_status().state(), mesos::v1::OPERATION_PENDING);
    EXPECT_THAT(body("/metrics/snapshot"), HasSubstr(R"("master/operations/reserve/pending":1.0)"));

    EXPECT_EQ(form("/unreserve", "resources=[" + cpu + "]"), 202U);
    EXPECT_EQ(form("/unreserve", "resources=[" + cpu + "]"), 409U);
    EXPECT_THAT(body("/slaves"), Not(HasSubstr(R"("web")")));
    const std::string disk = R"({"name":"disk","type":"SCALAR","scalar":{"value":10},)"
                             R"("role":"web","reservation":{})";
    const std::string volume = disk + R"(,"disk":{"persistence":{"id":"v"},)"
                                      R"("volume":{"container_path":"d","mode":"RW"}}})";
    EXPECT_EQ(form("/reserve", "resources=[" + disk + "}]"), 202U);
    EXPECT_EQ(form("/create-volumes", "volumes=[" + volume + "]"), 202U);
    EXPECT_THAT(body("/slaves"), HasSubstr(R"("persistence":{"id":"v"})"));
    EXPECT_EQ(form("/create-volumes", "volumes=[" + volume + "]"), 400U) << "its id is in use";
    EXPECT_EQ(form("/destroy-volumes", "volumes=[" + volume + "]"), 202U);

    EXPECT_EQ(form("/reserve", "resources=nonsense"), 400U);
    EXPECT_EQ(form("/reserve", ""), 400U);
    EXPECT_EQ(client_->send(client_->make("POST", "/reserve", "resources=[]")).status, 400U);
    EXPECT_EQ(post(R"({"type":"RESERVE_RESOURCES"})"), 400U);
    EXPECT_EQ(post(R"({"type":"UNRESERVE_RESOURCES","unreserve_resources":{"agent_id":)"
                   R"({"value":"nobody"},"resources":[]}})"),
              400U);
    EXPECT_EQ(call("RESERVE_RESOURCES",
                   R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":100000},)"
                   R"("reservations":[{"type":"DYNAMIC","role":"web"}]}])"),
              409U);
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

TEST_F(EndpointsTest, TheRegistryShowsWhatOperatorsAskedFor) {
    for (const char* empty : {"machines", "schedules", "quota_configs"})
        EXPECT_THAT(body("/registrar/registry"), Not(HasSubstr(empty)));
    EXPECT_EQ(post(R"({"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[)"
                   R"({"role":"ads","limits":{"cpus":{"value":4}}}]}})"),
              200U);
    EXPECT_EQ(post(R"({"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[)"
                   R"({"role":"web","weight":2.5}]}})"),
              200U);
    EXPECT_EQ(post(R"({"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":)"
                   R"({"schedule":{"windows":[{"machine_ids":[{"hostname":"one.example"}],)"
                   R"("unavailability":{"start":{"nanoseconds":7}}}]}}})"),
              200U);
    const std::string registry = body("/registrar/registry");
    EXPECT_THAT(registry, HasSubstr(R"("machines":{"machines":[{"info":{"id":)"
                                    R"({"hostname":"one.example"},"mode":"DRAINING",)"
                                    R"("unavailability":{"start":{"nanoseconds":7}}}}]})"));
    EXPECT_THAT(registry, HasSubstr(R"("schedules":[{"windows":[{"machine_ids":)"));
    EXPECT_THAT(registry, HasSubstr(R"({"info":{"weight":2.5,"role":"web"}}])"));
    EXPECT_THAT(registry, HasSubstr(R"("quota_configs":[{"role":"ads","limits":{"cpus":)"));
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
