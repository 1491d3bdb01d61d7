#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/agent.h"
#include "agent/agent_testing.h"
#include "base/temporary_directory_testing.h"
#include "coord/memory_store.h"
#include "env/posix/clock.h"
#include "http/raw_client_testing.h"
#include "mesos/v1/executor/executor.pb.h"
#include "wire/json.h"
#include "wire/recordio.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using testing::fetch;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using v1::executor::Call;

v1::TaskInfo executor_task(const std::string& id) {
    v1::TaskInfo task;
    task.set_name(id);
    task.mutable_task_id()->set_value(id);
    task.mutable_agent_id()->set_value("a1");
    auto& executor = *task.mutable_executor();
    executor.set_type(v1::ExecutorInfo::CUSTOM);
    executor.mutable_executor_id()->set_value("e");
    executor.mutable_command()->set_value("./executor");
    for (auto* resources : {executor.mutable_resources(), task.mutable_resources()}) {
        v1::Resource& mem = *resources->Add();
        mem.set_name("mem");
        mem.set_type(v1::Value::SCALAR);
        mem.mutable_scalar()->set_value(64);
        mem.mutable_allocation_info()->set_role("*");
    }
    return task;
}

struct ExecutorRoute : ::testing::Test {
    void SetUp() override {
        AgentOptions options;
        options.port = 0;
        options.work_dir = directory.path();
        options.master = master.address();
        options.resources = "cpus:4;mem:1024;disk:1000";
        options.core.registration_backoff = 1ms;
        options.core.default_user = "root";
        options.log.to_stderr = false;
        options.http.threads = 1;
        AgentParts parts;
        parts.store = std::make_unique<coord::MemoryStore>();
        parts.containerizer = machine.containerizer();
        parts.detector = std::make_unique<FixedDetector>(*FixedDetector::parse(options.master));
        parts.clock = std::make_shared<env::PosixClock>();
        parts.seed = 1;
        auto started = Agent::start(options, std::move(parts));
        ASSERT_TRUE(started) << started.error().text;
        agent = std::move(*started);
        ASSERT_TRUE(master.wait_for([](const auto& frame) { return frame.has_register_agent(); }));
        master.run_task(executor_task("t"));
        container = machine.wait_for_launch("e");
        framework = machine.get(container).spec.environment.at("MESOS_FRAMEWORK_ID");
    }

    std::string body(const std::string& type, const std::string& rest = "") const {
        return fmt::format(
            R"({{"type":"{}","framework_id":{{"value":"{}"}},"executor_id":{{"value":"e"}}{}}})",
            type, framework, rest);
    }
    http::Response call(const std::string& text, const std::string& path = "/api/v1/executor") {
        return fetch(agent->port(), path, "POST", text, {{"Content-Type", "application/json"}});
    }
    std::unique_ptr<http::RawClient> subscribe(const std::string& path = "/api/v1/executor") {
        const std::string text = body("SUBSCRIBE", R"(,"subscribe":{})");
        auto client = std::make_unique<http::RawClient>(agent->port());
        client->send(
            fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        "Accept: application/json\r\nContent-Length: {}\r\n\r\n{}",
                        path, text.size(), text));
        return client;
    }
    /// One chunk of the stream; an empty text at its end.
    static std::string chunk(http::RawClient& client) {
        const std::string size = client.read_until("\r\n");
        const std::size_t bytes = std::stoul(size, nullptr, 16);
        const std::string data = client.read(bytes);
        client.read_until("\r\n");
        return data;
    }
    /// The event of a chunk that is exactly one record.
    static v1::executor::Event event(http::RawClient& client) {
        const std::string data = chunk(client);
        wire::RecordDecoder decoder;
        EXPECT_TRUE(decoder.feed(data));
        const auto record = decoder.next();
        EXPECT_TRUE(record && decoder.at_boundary() && !decoder.next()) << data;
        v1::executor::Event read;
        EXPECT_TRUE(record && wire::json_to_message(*record, read)) << data;
        return read;
    }
    std::string update(const std::string& state) const {
        return body("UPDATE", fmt::format(R"(,"update":{{"status":{{"task_id":{{"value":"t"}},)"
                                          R"("state":"{}","uuid":"AAECAwQFBgcICQoLDA0ODw=="}}}})",
                                          state));
    }

    TemporaryDirectory directory;
    testing::FakeMachine machine;
    testing::FakeMaster master;
    std::unique_ptr<Agent> agent;
    ContainerId container;
    std::string framework;
};

TEST_F(ExecutorRoute, ItsEnvironmentIsTheRecordedOne) {
    const auto& variables = machine.get(container).spec.environment;
    std::set<std::string> names;
    for (const auto& [name, value] : variables) names.insert(name);
    EXPECT_THAT(names, ::testing::UnorderedElementsAre(
                           "MESOS_EXECUTOR_ID", "MESOS_CHECKPOINT", "MESOS_HTTP_COMMAND_EXECUTOR",
                           "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "MESOS_SUBSCRIPTION_BACKOFF_MAX",
                           "LIBPROCESS_PORT", "MESOS_AGENT_ENDPOINT", "MESOS_SANDBOX",
                           "MESOS_RECOVERY_TIMEOUT", "MESOS_FRAMEWORK_ID", "MESOS_SLAVE_ID",
                           "MESOS_DIRECTORY", "MESOS_SLAVE_PID", "LIBPROCESS_IP"));
    EXPECT_EQ(variables.at("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"), "5secs");
    EXPECT_EQ(variables.at("MESOS_SUBSCRIPTION_BACKOFF_MAX"), "2secs");
    EXPECT_EQ(variables.at("MESOS_RECOVERY_TIMEOUT"), "15mins");
    EXPECT_EQ(variables.at("MESOS_AGENT_ENDPOINT"), fmt::format("127.0.0.1:{}", agent->port()));
    EXPECT_THAT(variables.at("MESOS_DIRECTORY"), HasSubstr("/executors/e/runs/" + container.value));
    EXPECT_EQ(machine.get(container).spec.mem_mb, 128) << "executor and task";
}

TEST_F(ExecutorRoute, ATaskIsHandedOverAndItsUpdateAcknowledged) {
    const auto client = subscribe();
    const std::string head = client->read_until("\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked"));
    EXPECT_THAT(head, HasSubstr("Content-Type: application/json"));
    const auto subscribed = event(*client);
    ASSERT_EQ(subscribed.type(), v1::executor::Event::SUBSCRIBED);
    EXPECT_EQ(subscribed.subscribed().container_id().value(), container.value);
    const auto launch = event(*client);
    ASSERT_EQ(launch.type(), v1::executor::Event::LAUNCH);
    EXPECT_EQ(launch.launch().task().task_id().value(), "t");
    EXPECT_EQ(machine.get(container).updates.size(), 1U) << "its resources came first";
    EXPECT_EQ(call(update("TASK_RUNNING")).status, 202U);
    const auto acknowledged = event(*client);
    ASSERT_EQ(acknowledged.type(), v1::executor::Event::ACKNOWLEDGED);
    EXPECT_EQ(acknowledged.acknowledged().uuid().size(), 16U);
    EXPECT_TRUE(master.wait_for_state("t", v1::TASK_RUNNING));
    EXPECT_EQ(call(body("MESSAGE", R"(,"message":{"data":"aGk="})")).status, 202U);
    EXPECT_TRUE(master.wait_for([](const auto& frame) {
        return frame.has_executor_message() && frame.executor_message().data() == "hi";
    }));
    EXPECT_EQ(call(body("HEARTBEAT")).status, 202U);
}

TEST_F(ExecutorRoute, ANewStreamEndsTheOldOne) {
    const auto first = subscribe();
    first->read_until("\r\n\r\n");
    EXPECT_EQ(event(*first).type(), v1::executor::Event::SUBSCRIBED);
    EXPECT_EQ(event(*first).type(), v1::executor::Event::LAUNCH);
    const auto second = subscribe("/slave(1)/api/v1/executor");
    second->read_until("\r\n\r\n");
    EXPECT_EQ(event(*second).type(), v1::executor::Event::SUBSCRIBED);
    EXPECT_EQ(chunk(*first), "") << "the end of the stream";
}

TEST_F(ExecutorRoute, ProtobufIsSpokenToo) {
    Call subscribe_call;
    subscribe_call.mutable_framework_id()->set_value(framework);
    subscribe_call.mutable_executor_id()->set_value("e");
    subscribe_call.set_type(Call::SUBSCRIBE);
    subscribe_call.mutable_subscribe();
    const std::string bytes = subscribe_call.SerializeAsString();
    http::RawClient client(agent->port());
    client.send(
        fmt::format("POST /api/v1/executor HTTP/1.1\r\nHost: a\r\n"
                    "Content-Type: application/x-protobuf\r\n"
                    "Accept: application/x-protobuf\r\nContent-Length: {}\r\n\r\n{}",
                    bytes.size(), bytes));
    EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Type: application/x-protobuf"));
    wire::RecordDecoder decoder;
    ASSERT_TRUE(decoder.feed(chunk(client)));
    v1::executor::Event subscribed;
    ASSERT_TRUE(subscribed.ParseFromString(decoder.next().value_or("")));
    EXPECT_EQ(subscribed.type(), v1::executor::Event::SUBSCRIBED);
}

TEST_F(ExecutorRoute, WhatIsWrongIsRefused) {
    EXPECT_EQ(call(update("TASK_RUNNING")).status, 403U) << "it has not subscribed";
    const auto client = subscribe();
    client->read_until("SUBSCRIBED");
    const auto json = http::Headers{{"Content-Type", "application/json"}};
    struct Row {
        const char* name;
        std::string method;
        http::Headers headers;
        std::string text;
        unsigned status;
    };
    std::string other = body("HEARTBEAT");
    other.replace(other.find("\"e\""), 3, "\"x\"");
    const Row rows[] = {
        {"GET", "GET", {}, "", 405},
        {"not JSON", "POST", json, "{", 400},
        {"empty", "POST", json, "", 400},
        {"no content type", "POST", {}, body("HEARTBEAT"), 400},
        {"text", "POST", {{"Content-Type", "text/plain"}}, body("HEARTBEAT"), 415},
        {"not acceptable",
         "POST",
         {{"Content-Type", "application/json"}, {"Accept", "text/html"}},
         body("SUBSCRIBE", R"(,"subscribe":{})"),
         406},
        {"no type", "POST", json, R"({"framework_id":{"value":"f"},"executor_id":{"value":"e"}})",
         400},
        {"unknown type", "POST", json, body("DANCE"), 400},
        {"no sub-message", "POST", json, body("UPDATE"), 400},
        {"unknown executor", "POST", json, other, 400},
        {"no executor", "POST", json, R"({"type":"HEARTBEAT","framework_id":{"value":"f"}})", 400},
        {"short uuid", "POST", json,
         body("UPDATE", R"(,"update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING",)"
                        R"("uuid":"AAEC"}})"),
         400},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(
            fetch(agent->port(), "/api/v1/executor", row.method, row.text, row.headers).status,
            row.status)
            << row.name;
    }
}

}  // namespace
}  // namespace tepui::agent
