// The shapes of our answers against recordings of a real master: the same keys with the same types.
#include <gmock/gmock.h>

#include "daemon/plain_json.h"
#include "daemon/v1_answers.h"
#include "master/core/state.h"
#include "master/facts.h"
#include "master/snapshot/json_shape_testing.h"
#include "master/snapshot/legacy_views.h"
#include "master/snapshot/snapshot_builder.h"
#include "master/snapshot/v1_views.h"
#include "wire/json.h"
#include "wire/media.h"

namespace tepui::master {
namespace {

using testing::IsEmpty;

constexpr const char* agent_id = "m-S0";
constexpr const char* framework_id = "m-0001";

template <typename Message>
Message from_json(const std::string& json) {
    Message message;
    const auto parsed = wire::json_to_message(json, message);
    EXPECT_TRUE(parsed) << parsed.error().text;
    return message;
}

Resources resources(const std::string& json_array) {
    auto parsed = Resources::parse_flag(json_array);
    EXPECT_TRUE(parsed) << parsed.error().text;
    return parsed ? *parsed : Resources();
}

std::string task_json(const std::string& id, const std::string& state) {
    return R"({"name":"web","task_id":{"value":")" + id + R"("},"framework_id":{"value":"m-0001"},
        "executor_id":{"value":"e"},"agent_id":{"value":"m-S0"},"state":")" +
           state + R"(",
        "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1},"allocation_info":{"role":"gold"}}],
        "statuses":[{"task_id":{"value":")" +
           id + R"("},"state":")" + state + R"(","source":"SOURCE_EXECUTOR",
          "message":"m","healthy":true,
          "agent_id":{"value":"m-S0"},"executor_id":{"value":"e"},"timestamp":5.5,"uuid":"AAAAAAAAAAAAAAAAAAAAAA==",
          "container_status":{"container_id":{"value":"c","parent":{"value":"p"}},"executor_pid":7,
            "network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"127.0.0.1"}]}]}}],
        "status_update_state":")" +
           state + R"(","status_update_uuid":"AAAAAAAAAAAAAAAAAAAAAA==",
        "labels":{"labels":[{"key":"team","value":"a"}]},
        "discovery":{"visibility":"CLUSTER","name":"web","ports":{"ports":[{"number":80,"name":"http","protocol":"tcp"}]}},
        "health_check":{"interval_seconds":0.5,"timeout_seconds":5.0,"consecutive_failures":100,"type":"COMMAND",
          "delay_seconds":0.0,"grace_period_seconds":0.0,"command":{"shell":true,"value":"true"}}})";
}

std::shared_ptr<const mesos::v1::Task> task(const std::string& id, const std::string& state) {
    return std::make_shared<const mesos::v1::Task>(
        from_json<mesos::v1::Task>(task_json(id, state)));
}

mesos::v1::FrameworkInfo framework_info(const std::string& id) {
    return from_json<mesos::v1::FrameworkInfo>(R"({"user":"root","name":"golden","id":{"value":")" +
                                               id + R"("},"failover_timeout":3600.0,
            "checkpoint":true,"roles":["*","gold"],
            "capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"}]})");
}

/// A cluster with everything that the recorded one had.
class GoldenTest : public testing::Test {
protected:
    GoldenTest() {
        add_agent();
        add_framework();
        MasterOptions options;
        options.flags = {{"some", "flag"}};
        auto facts =
            make_facts(options, "m", 5050, "/var/log/tepui/master.log", WallTime{1'700'000'000s});
        state_.weights = {{"silver", 2.0}};
        state_.quotas = {{"silver",
                          {.guarantees = {{"cpus", Quantity{500}}},
                           .limits = {{"cpus", Quantity{1000}}, {"mem", Quantity{512'000}}}}}};
        facts.version.set_git_sha("0123");
        facts.version.set_git_branch("main");
        SnapshotBuilder builder(std::make_shared<const MasterFacts>(std::move(facts)));
        builder.apply(state_, Changes{});
        snapshot_ = builder.publish();
    }

    void add_agent() {
        Agent agent;
        agent.id = AgentId(agent_id);
        agent.info = std::make_shared<const mesos::v1::AgentInfo>(from_json<mesos::v1::AgentInfo>(
            R"({"hostname":"h","port":5051,"id":{"value":"m-S0"},
                "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":8}},
                             {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":9}]}}],
                "attributes":[{"name":"rack","type":"TEXT","text":{"value":"r1"}},
                              {"name":"ssd","type":"SCALAR","scalar":{"value":1.0}}]})"));
        agent.version = "1.12.0";
        agent.capabilities = {"MULTI_ROLE", "HIERARCHICAL_ROLE"};
        agent.ip = "127.0.0.1";
        agent.link = LinkId{1};
        agent.registered_at = WallTime{1'700'000'001s};
        agent.total = resources("cpus:8;mem:16384;disk:20000;ports:[31000-32000]") + reserved();
        agent.used[FrameworkId(framework_id)] = resources("cpus:0.6;mem:192").allocated_to("*");
        agent.offered[FrameworkId(framework_id)] =
            (resources("cpus:6.9;mem:16192;ports:[31000-32000]") + reserved()).allocated_to("gold");
        Executor executor;
        executor.info = std::make_shared<
            const mesos::v1::ExecutorInfo>(from_json<mesos::v1::ExecutorInfo>(
            R"({"type":"CUSTOM","executor_id":{"value":"e"},"framework_id":{"value":"m-0001"},"name":"n",
                "command":{"shell":true,"value":"x"},
                "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1},"allocation_info":{"role":"gold"}}]})"));
        agent.executors[FrameworkId(framework_id)][ExecutorId("e")] = executor;
        state_.agents.emplace(agent.id, std::move(agent));
    }

    static Resources reserved() {
        return resources(
            R"([{"name":"disk","type":"SCALAR","scalar":{"value":64},
                 "reservations":[{"type":"DYNAMIC","role":"gold","labels":{"labels":[{"key":"k","value":"v"}]}}],
                 "disk":{"persistence":{"id":"v1"},"volume":{"mode":"RW","container_path":"data"}}}])");
    }

    void add_framework() {
        Framework framework;
        framework.id = FrameworkId(framework_id);
        framework.info =
            std::make_shared<const mesos::v1::FrameworkInfo>(framework_info(framework_id));
        framework.phase = Framework::Phase::connected;
        framework.registered_at = WallTime{1'700'000'002s};
        framework.tasks[TaskId("t1")].info = task("t1", "TASK_RUNNING");
        framework.completed_tasks.push_back(task("t2", "TASK_FINISHED"));
        framework.offers.insert(OfferId("m-O1"));
        state_.frameworks.emplace(framework.id, std::move(framework));

        Offer offer;
        offer.framework = FrameworkId(framework_id);
        offer.agent = AgentId(agent_id);
        auto info = from_json<mesos::v1::Offer>(
            R"json({"id":{"value":"m-O1"},"framework_id":{"value":"m-0001"},"agent_id":{"value":"m-S0"},"hostname":"h",
                "url":{"scheme":"http","address":{"hostname":"h","ip":"127.0.0.1","port":5051},"path":"/slave(1)"},
                "attributes":[{"name":"rack","type":"TEXT","text":{"value":"r1"}},
                              {"name":"ssd","type":"SCALAR","scalar":{"value":1.0}}],
                "executor_ids":[{"value":"e"}],"allocation_info":{"role":"gold"}})json");
        const auto& agent = state_.agents.at(AgentId(agent_id));
        *info.mutable_resources() = agent.offered.at(FrameworkId(framework_id)).to_proto();
        offer.info = std::make_shared<const mesos::v1::Offer>(std::move(info));
        state_.offers.emplace(OfferId("m-O1"), std::move(offer));

        auto completed = std::make_shared<CompletedFramework>();
        completed->info =
            std::make_shared<const mesos::v1::FrameworkInfo>(framework_info("m-0000"));
        completed->reregistered_at = WallTime{1'700'000'002s};
        completed->completed_at = WallTime{1'700'000'003s};
        completed->completed_tasks.push_back(task("t0", "TASK_KILLED"));
        state_.completed_frameworks.push_back(std::move(completed));
    }

    State state_;
    std::shared_ptr<const Snapshot> snapshot_;
};

/// What lists of ended and living things share is one shape: a recording may have shown a field in
/// one of them only.
JsonShape folded(const JsonShape& shape) {
    JsonShape out;
    for (const auto& [path, types] : shape) {
        std::string folded = path;
        for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
                 {"completed_frameworks[]", "frameworks[]"}, {"completed_tasks[]", "tasks[]"}}) {
            const std::size_t at = folded.find(from);
            if (at != std::string::npos) folded.replace(at, from.size(), to);
        }
        out[folded].insert(types.begin(), types.end());
    }
    return out;
}

const std::vector<std::string> maps{
    "flags",     "attributes", "reserved_resources", "reserved_resources_full",
    "guarantee", "limit",      "consumed",           "allocated",
    "offered",   "reserved"};

TEST_F(GoldenTest, EndpointsHaveTheRecordedKeysAndTypes) {
    struct Row {
        std::string path;
        std::string ours;
        std::vector<std::string> allowed;  // Why: see below.
    };
    const std::vector<std::string> roles{"roles[].resources."};  // They are data.
    // The recorded pod's tasks and executors differ from ours in what is optional: no command
    // there.
    const Row rows[] = {
        {"/version", daemon::version_json(snapshot_->facts->version), {}},
        {"/state", render_state(*snapshot_), {"frameworks[].executors[].command"}},
        {"/state-summary", render_state_summary(*snapshot_), {}},
        {"/slaves", render_slaves(*snapshot_, std::nullopt), {}},
        {"/frameworks",
         render_frameworks(*snapshot_, std::nullopt),
         {"frameworks[].executors[].command"}},
        {"/tasks", render_tasks(*snapshot_, {}), {}},
        {"/roles", render_roles(*snapshot_), roles},
    };
    const auto recorded = read_recordings(TEPUI_SOURCE_DIR "/api/golden/master-endpoints.jsonl");
    for (const Row& row : rows) {
        SCOPED_TRACE(row.path);
        ASSERT_TRUE(recorded.contains(row.path));
        EXPECT_THAT(differences(folded(shape_of(recorded.at(row.path), maps)),
                                folded(shape_of(row.ours, maps)), row.allowed),
                    IsEmpty());
    }
}

TEST_F(GoldenTest, OperatorReadsHaveTheRecordedKeysAndTypes) {
    struct Row {
        std::string type;
        std::string ours;
        std::vector<std::string> allowed;
    };
    // The recordings are cut: agents lost their ports there, tasks the one with a health check.
    const std::vector<std::string> agents{"get_agents.agents[].total_resources[].ranges"};
    const std::vector<std::string> tasks{"get_tasks.tasks[].health_check",
                                         "get_tasks.tasks[].statuses[].healthy"};
    std::vector<std::string> state;
    for (const std::string& path : agents) state.push_back("get_state." + path);
    for (const std::string& path : tasks) state.push_back("get_state." + path);
    const auto json = wire::Media::json;
    const auto text = [](const mesos::v1::master::Response& response) {
        return wire::encode(wire::Media::json, response);
    };
    const Row rows[] = {
        {"GET_VERSION",
         text(daemon::version_answer<mesos::v1::master::Response>(snapshot_->facts->version)),
         {}},
        {"GET_MASTER", text(get_master(*snapshot_->facts)), {}},
        {"GET_ROLES", text(get_roles(*snapshot_)), {}},
        {"GET_QUOTA", text(get_quota(*snapshot_)), {}},
        {"GET_AGENTS", render_get_agents(*snapshot_, json), agents},
        {"GET_FRAMEWORKS", render_get_frameworks(*snapshot_, json), {}},
        {"GET_EXECUTORS", render_get_executors(*snapshot_, json), {}},
        {"GET_TASKS", render_get_tasks(*snapshot_, json), tasks},
        {"GET_STATE", render_get_state(*snapshot_, json), state},
    };
    const auto recorded = read_recordings(TEPUI_SOURCE_DIR "/api/golden/master-responses.jsonl");
    for (const Row& row : rows) {
        SCOPED_TRACE(row.type);
        ASSERT_TRUE(recorded.contains(row.type));
        EXPECT_THAT(differences(folded(shape_of(recorded.at(row.type), {})),
                                folded(shape_of(row.ours, {})), row.allowed),
                    IsEmpty());
    }
}

TEST_F(GoldenTest, ProtobufSaysTheSameAsJson) {
    struct Row {
        const char* name;
        std::string (*render)(const Snapshot&, wire::Media);
    };
    const Row rows[] = {{"state", render_get_state},
                        {"agents", render_get_agents},
                        {"frameworks", render_get_frameworks},
                        {"executors", render_get_executors},
                        {"tasks", render_get_tasks}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        mesos::v1::master::Response from_json;
        mesos::v1::master::Response from_bytes;
        ASSERT_TRUE(
            wire::decode(wire::Media::json, row.render(*snapshot_, wire::Media::json), from_json));
        ASSERT_TRUE(wire::decode(wire::Media::protobuf,
                                 row.render(*snapshot_, wire::Media::protobuf), from_bytes));
        EXPECT_EQ(from_json.SerializeAsString(), from_bytes.SerializeAsString());
    }
}

TEST_F(GoldenTest, TasksAreFilteredSortedAndPaged) {
    const auto ids = [&](const TasksQuery& query) {
        std::vector<std::string> found;
        const std::string body = render_tasks(*snapshot_, query);
        for (std::size_t at = 0; (at = body.find("{\"id\":\"", at)) != std::string::npos; ++at)
            found.push_back(body.substr(at + 7, 2));
        return found;
    };
    using testing::ElementsAre;
    EXPECT_THAT(ids({}), ElementsAre("t2", "t1", "t0"));
    EXPECT_THAT(ids({.ascending = true}), ElementsAre("t0", "t1", "t2"));
    EXPECT_THAT(ids({.limit = 1, .offset = 1}), ElementsAre("t1"));
    EXPECT_THAT(ids({.limit = -1, .offset = 2}), ElementsAre("t0"));
    EXPECT_THAT(ids({.offset = 7}), IsEmpty());
    EXPECT_THAT(ids({.task_id = "t2"}), ElementsAre("t2"));
    EXPECT_THAT(ids({.framework_id = "other"}), IsEmpty());
}

}  // namespace
}  // namespace tepui::master
