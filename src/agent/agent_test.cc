#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "agent/agent_testing.h"
#include "coord/memory_store.h"
#include "coord/sqlite_store.h"
#include "env/posix/clock.h"
#include "mesos/v1/agent/agent.pb.h"
#include "wire/json.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using testing::fetch;
using ::testing::HasSubstr;

v1::TaskInfo echo_task(const std::string& id) {
    v1::TaskInfo task;
    task.set_name(id);
    task.mutable_task_id()->set_value(id);
    task.mutable_agent_id()->set_value("a1");
    task.mutable_command()->set_value("echo hello");
    v1::Resource& cpus = *task.add_resources();
    cpus.set_name("cpus");
    cpus.set_type(v1::Value::SCALAR);
    cpus.mutable_scalar()->set_value(0.5);
    cpus.mutable_allocation_info()->set_role("*");
    return task;
}

struct AgentTest : ::testing::Test {
    AgentOptions options() {
        AgentOptions options;
        options.port = port_;
        options.work_dir = directory.path();
        options.master = master_address.empty() ? master.address() : master_address;
        options.resources = "cpus:4;mem:1024;disk:1000";
        options.attributes = "rack:r1;ssd:1";
        options.core.registration_backoff = 1ms;
        options.core.default_user = "root";
        options.log.to_stderr = false;
        options.http.threads = 1;
        if (edit_options) edit_options(options);
        return options;
    }
    void start() {
        AgentParts parts;
        coord::SqliteStoreOptions store;
        store.path = directory.path() + "/agent.db";
        auto opened = coord::SqliteStore::open(store);
        ASSERT_TRUE(opened) << opened.error().text;
        parts.store = std::move(*opened);
        start(std::move(parts));
    }
    void start(AgentParts parts) {
        parts.containerizer = machine.containerizer();
        parts.detector = std::make_unique<FixedDetector>(*FixedDetector::parse(options().master));
        parts.clock = std::make_shared<env::PosixClock>();
        parts.seed = ++seed_;
        auto started = Agent::start(options(), std::move(parts));
        ASSERT_TRUE(started) << started.error().text;
        agent = std::move(*started);
        port_ = agent->port();  // A restart keeps it, as a real agent must.
    }
    bool registered() {
        return master
            .wait_for([](const auto& frame) {
                return frame.has_register_agent() || frame.has_reregister_agent();
            })
            .has_value();
    }
    /// Registered, and one task runs.
    ContainerId run(const std::string& task) {
        master.run_task(echo_task(task));
        EXPECT_TRUE(master.wait_for_state(task, v1::TASK_RUNNING));
        return machine.wait_for_launch(task);
    }
    void run_first(const std::string& task) {
        start();
        ASSERT_TRUE(registered());
        // The answer to the registration went out before: the order follows it on the link.
        run(task);
    }
    http::Response call(const std::string& body,
                        http::Headers headers = {{"Content-Type", "application/json"}}) {
        return fetch(agent->port(), "/api/v1", "POST", body, std::move(headers));
    }
    v1::agent::Response ask(const std::string& body) {
        const auto response = call(body);
        EXPECT_EQ(response.status, 200U) << *response.body;
        v1::agent::Response answer;
        const auto read = wire::json_to_message(*response.body, answer);
        EXPECT_TRUE(read) << *response.body;
        return answer;
    }

    TemporaryDirectory directory;
    testing::FakeMachine machine;
    testing::FakeMaster master;
    std::string master_address;
    std::function<void(AgentOptions&)> edit_options;
    std::unique_ptr<Agent> agent;
    std::uint16_t port_ = 0;
    std::uint64_t seed_ = 0;
};

TEST_F(AgentTest, RegistersAndRunsATaskToItsEnd) {
    run_first("t");
    const auto hello =
        master.wait_for([](const auto& frame) { return frame.has_register_agent(); });
    ASSERT_TRUE(hello);
    const auto& info = hello->register_agent();
    EXPECT_EQ(info.agent().port(), agent->port());
    EXPECT_EQ(info.agent().hostname(), "127.0.0.1");
    EXPECT_EQ(info.agent().attributes_size(), 2);
    EXPECT_EQ(info.version(), "1.12.0");
    EXPECT_FALSE(info.boot_id().empty());
    const ContainerId container = machine.wait_for_launch("t");
    const auto spec = machine.get(container).spec;
    EXPECT_EQ(spec.command.value(), "echo hello");
    EXPECT_EQ(spec.cpus, 0.5);
    EXPECT_EQ(spec.sandbox,
              directory.path() + "/slaves/a1/frameworks/f1/executors/t/runs/" + container.value);
    machine.exit(container, 0);
    const auto last = master.wait_for_state("t", v1::TASK_FINISHED);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->message(), "Command exited with status 0");
    EXPECT_EQ(last->container_status().executor_pid(), 1000U);
}

TEST_F(AgentTest, KillsATask) {
    run_first("t");
    link::ToAgent frame;
    frame.mutable_kill_task()->mutable_framework_id()->set_value("f1");
    frame.mutable_kill_task()->mutable_task_id()->set_value("t");
    master.send(frame);
    ASSERT_TRUE(master.wait_for_state("t", v1::TASK_KILLED));
    EXPECT_EQ(machine.get(machine.wait_for_launch("t")).signals, std::vector<int>{SIGTERM});
}

TEST_F(AgentTest, ARestartAdoptsWhatRuns) {
    run_first("t");
    const ContainerId container = machine.wait_for_launch("t");
    agent.reset();
    master.forget();
    start();
    const auto back =
        master.wait_for([](const auto& frame) { return frame.has_reregister_agent(); });
    ASSERT_TRUE(back);
    ASSERT_EQ(back->reregister_agent().tasks_size(), 1);
    EXPECT_EQ(back->reregister_agent().tasks(0).state(), v1::TASK_RUNNING);
    EXPECT_TRUE(back->reregister_agent().restarted());
    EXPECT_TRUE(machine.get(container).running);
    EXPECT_EQ(machine.launches(), 1);
    machine.exit(container, 3 << 8);
    const auto last = master.wait_for_state("t", v1::TASK_FAILED);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->message(), "Command exited with status 3");
}

TEST_F(AgentTest, WhatEndedWhileItWasAwayIsReported) {
    run_first("t");
    agent.reset();
    machine.exit(machine.wait_for_launch("t"), SIGKILL);
    start();
    const auto last = master.wait_for_state("t", v1::TASK_FAILED);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->message(), "Command terminated with signal Killed");
}

TEST_F(AgentTest, ConnectsAgainWhenTheLinkBreaks) {
    run_first("t");
    master.forget();
    master.cut();
    const auto back =
        master.wait_for([](const auto& frame) { return frame.has_reregister_agent(); });
    ASSERT_TRUE(back);
    EXPECT_FALSE(back->reregister_agent().restarted());
    machine.exit(machine.wait_for_launch("t"), 0);
    EXPECT_TRUE(master.wait_for_state("t", v1::TASK_FINISHED));
}

TEST_F(AgentTest, FollowsAStandbyToTheLeader) {
    testing::FakeMaster standby;
    standby.redirect_to(master.address());
    master_address = standby.address();
    start();
    EXPECT_TRUE(registered());
}

TEST_F(AgentTest, LaunchFailuresReachTheMaster) {
    start();
    ASSERT_TRUE(registered());
    machine.launch_error = containerizer::LaunchError{{Errc::io, "the disk is full"}, false};
    master.run_task(echo_task("t"));
    const auto failed = master.wait_for_state("t", v1::TASK_FAILED);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->message(), "Failed to launch container: the disk is full");
    auto task = echo_task("u");
    v1::CheckInfo& check = *task.mutable_check();
    check.set_type(v1::CheckInfo::COMMAND);
    check.mutable_command()->mutable_command()->set_value("true");
    auto& variable =
        *check.mutable_command()->mutable_command()->mutable_environment()->add_variables();
    variable.set_name("TOKEN");
    variable.set_type(v1::Environment::Variable::SECRET);
    variable.mutable_secret()->set_type(v1::Secret::VALUE);
    variable.mutable_secret()->mutable_value()->set_data("word");
    master.run_task(task);
    const auto refused = master.wait_for_state("u", v1::TASK_FAILED);
    ASSERT_TRUE(refused);
    EXPECT_THAT(refused->message(), HasSubstr("Variable 'TOKEN' of a check"));
}

TEST_F(AgentTest, EndsWhenTheMasterShutsItDown) {
    run_first("t");
    link::ToAgent frame;
    frame.mutable_shutdown_agent()->set_message("marked gone");
    master.send(frame);
    EXPECT_EQ(agent->wait_for_end(testing::wait_max), (AgentEnd{"marked gone", true}));
    EXPECT_FALSE(machine.get(machine.wait_for_launch("t")).running);
}

TEST_F(AgentTest, LeavesWhenItIsAskedTo) {
    run_first("t");
    const ContainerId container = machine.wait_for_launch("t");
    agent->leave();
    const auto last = master.wait_for_state("t", v1::TASK_KILLED);
    ASSERT_TRUE(last);
    EXPECT_THAT(last->message(), HasSubstr("agent is shutting down"));
    EXPECT_TRUE(master.wait_for([](const auto& frame) { return frame.has_unregister_agent(); }));
    EXPECT_FALSE(agent->wait().failed);
    EXPECT_FALSE(machine.get(container).running);
    agent.reset();
    master.forget();
    start();
    EXPECT_TRUE(registered());
    EXPECT_EQ(master.count([](const auto& frame) { return frame.has_reregister_agent(); }), 0)
        << "it came back as a new agent";
}

TEST_F(AgentTest, LeavesWithoutAMaster) {
    master_address = "127.0.0.1:1";
    start();
    agent->leave();
    const auto end = agent->wait_for_end(testing::wait_max);
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->failed);
}

TEST_F(AgentTest, TellsWhereItIsReached) {
    edit_options = [](AgentOptions& options) {
        options.advertise_ip = "192.0.2.7";
        options.advertise_port = 7777;
    };
    start();
    const auto frame = master.wait_for([](const auto& each) { return each.has_register_agent(); });
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->register_agent().agent().port(), 7777);
    EXPECT_EQ(frame->register_agent().agent().hostname(), "192.0.2.7");
    EXPECT_NE(agent->port(), 7777);
    EXPECT_THAT(*fetch(agent->port(), "/state").body, HasSubstr("slave(1)@192.0.2.7:7777"));
}

TEST_F(AgentTest, EndsWhenItsStoreFails) {
    auto store = std::make_unique<coord::MemoryStore>(std::map<std::string, std::string>{},
                                                      coord::MemoryStore::Completion::manual);
    auto* const disk = store.get();
    AgentParts parts;
    parts.store = std::move(store);
    start(std::move(parts));
    ASSERT_TRUE(registered());
    disk->break_down({Errc::io, "no space left"});
    link::ToAgent again;  // Another write, whether the first one came before or after that.
    again.mutable_agent_registered()->mutable_agent_id()->set_value("a1");
    again.mutable_agent_registered()->set_epoch(2);
    again.mutable_agent_registered()->set_ping_timeout_seconds(75);
    again.mutable_agent_registered()->set_master_id("m1");
    master.send(again);
    const auto end = agent->wait_for_end(testing::wait_max);
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->failed);
    EXPECT_THAT(end->why, HasSubstr("no space left"));
}

TEST_F(AgentTest, StateEndpoint) {
    run_first("t");
    const auto response = fetch(agent->port(), "/slave(1)/state.json");
    ASSERT_EQ(response.status, 200U);
    const std::string& body = *response.body;
    const ContainerId container = machine.wait_for_launch("t");
    for (const std::string& part :
         {std::string(R"("version":"1.12.0")"), std::string(R"("id":"a1")"),
          fmt::format(R"("pid":"slave(1)@127.0.0.1:{}")", agent->port()),
          std::string(R"("attributes":{"rack":"r1","ssd":1.0})"), std::string(R"("cpus":4.0)"),
          std::string(R"("ports":"[31000-32000]")"),
          std::string(R"("master_hostname":"master.example")"), std::string(R"("source":"t")"),
          fmt::format(R"("container":"{}")", container.value),
          fmt::format(R"("directory":"{}")", machine.get(container).spec.sandbox),
          std::string(R"("executor_id":"","slave_id":"a1","state":"TASK_RUNNING")"),
          std::string(R"("completed_executors":[])"), std::string(R"("queued_tasks":[])"),
          std::string(R"("completed_frameworks":[])"),
          std::string(R"("unreserved_resources_allocated":{"cpus":0.5)")}) {
        EXPECT_THAT(body, HasSubstr(part));
    }
    machine.exit(container, 0);
    ASSERT_TRUE(master.wait_for_state("t", v1::TASK_FINISHED));
}

TEST_F(AgentTest, OperatorCalls) {
    run_first("t");
    const ContainerId container = machine.wait_for_launch("t");
    EXPECT_TRUE(ask(R"({"type":"GET_HEALTH"})").get_health().healthy());
    EXPECT_EQ(ask(R"({"type":"GET_VERSION"})").get_version().version_info().version(), "1.12.0");
    const auto state = ask(R"({"type":"GET_STATE"})").get_state();
    ASSERT_EQ(state.get_tasks().launched_tasks_size(), 1);
    EXPECT_EQ(state.get_tasks().launched_tasks(0).task_id().value(), "t");
    EXPECT_EQ(state.get_executors().executors(0).executor_info().executor_id().value(), "t");
    EXPECT_EQ(state.get_frameworks().frameworks(0).framework_info().id().value(), "f1");
    EXPECT_EQ(ask(R"({"type":"GET_TASKS"})").get_tasks().launched_tasks_size(), 1);
    EXPECT_EQ(ask(R"({"type":"GET_EXECUTORS"})").get_executors().executors_size(), 1);
    EXPECT_EQ(ask(R"({"type":"GET_FRAMEWORKS"})").get_frameworks().frameworks_size(), 1);
    EXPECT_EQ(ask(R"({"type":"GET_AGENT"})").get_agent().agent_info().id().value(), "a1");
    const auto containers = ask(R"({"type":"GET_CONTAINERS"})").get_containers();
    ASSERT_EQ(containers.containers_size(), 1);
    EXPECT_EQ(containers.containers(0).container_id().value(), container.value);
    EXPECT_EQ(containers.containers(0).container_status().executor_pid(), 1000U);
    EXPECT_EQ(containers.containers(0).resource_statistics().mem_total_bytes(), 4096U);
    const auto metrics = ask(R"({"type":"GET_METRICS","get_metrics":{}})").get_metrics();
    const auto running =
        std::find_if(metrics.metrics().begin(), metrics.metrics().end(),
                     [](const auto& metric) { return metric.name() == "slave/tasks_running"; });
    ASSERT_NE(running, metrics.metrics().end());
    EXPECT_EQ(running->value(), 1);
    EXPECT_GT(ask(R"({"type":"GET_FLAGS"})").get_flags().flags_size(), 5);
}

TEST_F(AgentTest, ListsAreWrittenWhenEmptyAndProtobufIsSpoken) {
    start();
    ASSERT_TRUE(registered());
    EXPECT_EQ(*call(R"({"type":"GET_TASKS"})").body,
              R"({"type":"GET_TASKS","get_tasks":{"pending_tasks":[],"queued_tasks":[],)"
              R"("launched_tasks":[],"terminated_tasks":[],"completed_tasks":[]}})");
    v1::agent::Call binary;
    binary.set_type(v1::agent::Call::GET_HEALTH);
    const auto response =
        call(binary.SerializeAsString(),
             {{"Content-Type", "application/x-protobuf"}, {"Accept", "application/x-protobuf"}});
    EXPECT_EQ(response.headers.find("Content-Type"), "application/x-protobuf");
    v1::agent::Response answer;
    ASSERT_TRUE(answer.ParseFromString(*response.body));
    EXPECT_TRUE(answer.get_health().healthy());
}

TEST_F(AgentTest, RefusalsInTheirOrder) {
    start();
    ASSERT_TRUE(registered());
    struct Row {
        const char* name;
        const char* body;
        http::Headers headers;
        unsigned status;
    };
    const http::Headers json{{"Content-Type", "application/json"}};
    const Row rows[] = {
        {"no content type", R"({"type":"GET_HEALTH"})", {}, 400},
        {"other content type", R"({"type":"GET_HEALTH"})", {{"Content-Type", "text/plain"}}, 415},
        {"charset", "{}", {{"Content-Type", "application/json; charset=utf-8"}}, 415},
        {"no JSON", "{", json, 400},
        {"empty", "", json, 400},
        {"no type", "{}", json, 400},
        {"unknown type", R"({"type":"DANCE"})", json, 400},
        {"no body of the call", R"({"type":"GET_METRICS"})", json, 400},
        {"not acceptable",
         R"({"type":"GET_HEALTH"})",
         {{"Content-Type", "application/json"}, {"Accept", "text/html"}},
         406},
        {"bad call before accept",
         "{}",
         {{"Content-Type", "application/json"}, {"Accept", "text/html"}},
         400},
        {"unsupported", R"({"type":"PRUNE_IMAGES","prune_images":{}})", json, 501},
        {"no such file", R"({"type":"LIST_FILES","list_files":{"path":"/nowhere"}})", json, 404},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(call(row.body, row.headers).status, row.status);
    }
    EXPECT_THAT(*call(R"({"type":"PRUNE_IMAGES","prune_images":{}})").body,
                HasSubstr("PRUNE_IMAGES"));
    EXPECT_THAT(*call(R"({"type":"PRUNE_IMAGES"})").body, HasSubstr("--image_providers"));
    EXPECT_EQ(*fetch(agent->port(), "/images").body, R"({"bytes":0,"images":[]})");
    // Neither a way to pull without a name, nor without images, nor by looking.
    EXPECT_EQ(fetch(agent->port(), "/images/pull?name=app").status, 405u);
    const auto get = fetch(agent->port(), "/api/v1");
    EXPECT_EQ(get.status, 405U);
    EXPECT_EQ(get.headers.find("Allow"), "POST");
    EXPECT_EQ(fetch(agent->port(), "/nonexistent").status, 404U);
}

TEST_F(AgentTest, FilesOfSandboxes) {
    run_first("t");
    const std::string sandbox = machine.get(machine.wait_for_launch("t")).spec.sandbox;
    std::ofstream(sandbox + "/stdout") << "hello\n";
    std::filesystem::create_symlink("/etc/passwd", sandbox + "/out");
    const auto read = [&](const std::string& path, const std::string& more = "") {
        return fetch(agent->port(), "/files/read?path=" + http::percent_encode(path) + more);
    };
    EXPECT_EQ(*read(sandbox + "/stdout", "&offset=0").body, R"({"data":"hello\n","offset":0})");
    EXPECT_EQ(*read(sandbox + "/stdout", "&offset=-1").body, R"({"data":"","offset":6})");
    EXPECT_EQ(*read("/frameworks/f1/executors/t/runs/latest/stdout", "&offset=1&length=3").body,
              R"({"data":"ell","offset":1})");
    EXPECT_EQ(read(sandbox + "/out").status, 403U);
    EXPECT_EQ(read(sandbox + "/../x").status, 403U);
    EXPECT_EQ(read(sandbox + "/none").status, 404U);
    EXPECT_EQ(read("/etc/passwd").status, 404U);
    EXPECT_EQ(read(sandbox + "/stdout", "&offset=x").status, 400U);
    EXPECT_EQ(fetch(agent->port(), "/files/read").status, 400U);
    const auto browse = fetch(agent->port(), "/files/browse?path=" + http::percent_encode(sandbox));
    EXPECT_THAT(*browse.body, HasSubstr(fmt::format(R"("path":"{}/stdout","size":6)", sandbox)));
    EXPECT_THAT(*browse.body, HasSubstr(R"("mode":"-rw-r--r--")"));
    const auto download =
        fetch(agent->port(), "/files/download?path=" + http::percent_encode(sandbox + "/stdout"));
    EXPECT_EQ(*download.body, "hello\n");
    EXPECT_EQ(download.headers.find("Content-Disposition"), "attachment; filename=\"stdout\"");
    EXPECT_THAT(*fetch(agent->port(), "/files/debug").body, HasSubstr("runs/latest"));
    EXPECT_THAT(*read("/slave/log", "&offset=0").body, HasSubstr("registered with master"));
    const auto list =
        ask(fmt::format(R"({{"type":"LIST_FILES","list_files":{{"path":"{}"}}}})", sandbox));
    EXPECT_EQ(list.list_files().file_infos_size(), 2);
    const auto page = ask(fmt::format(
        R"({{"type":"READ_FILE","read_file":{{"path":"{}/stdout","offset":2}}}})", sandbox));
    EXPECT_EQ(page.read_file().data(), "llo\n");
    EXPECT_EQ(page.read_file().size(), 6U);
}

TEST_F(AgentTest, OtherEndpoints) {
    run_first("t");
    const ContainerId container = machine.wait_for_launch("t");
    EXPECT_EQ(fetch(agent->port(), "/health").status, 200U);
    EXPECT_THAT(*fetch(agent->port(), "/version").body, HasSubstr(R"("version":"1.12.0")"));
    EXPECT_THAT(*fetch(agent->port(), "/flags").body, HasSubstr(R"("attributes":"rack:r1;ssd:1")"));
    const auto metrics = fetch(agent->port(), "/metrics/snapshot?timeout=5secs");
    EXPECT_THAT(*metrics.body, HasSubstr(R"("slave/cpus_percent":0.125)"));
    EXPECT_THAT(*metrics.body, HasSubstr(R"("slave/registered":1.0)"));
    EXPECT_THAT(*metrics.body, HasSubstr(R"("slave/executors_running":1.0)"));
    for (const char* name :
         {"slave/recovery_time_secs", "slave/executors_registering", "slave/executors_terminating",
          "slave/executors_terminated", "slave/valid_framework_messages",
          "slave/invalid_framework_messages", "slave/limits/messages_refused",
          "containerizer/fetcher/task_fetches_succeeded",
          "containerizer/fetcher/task_fetches_failed",
          "containerizer/fetcher/cache_size_total_bytes",
          "containerizer/fetcher/cache_size_used_bytes",
          "containerizer/mesos/container_destroy_errors", "gc/path_removals_failed",
          "http/connections_refused"}) {
        EXPECT_THAT(*metrics.body, HasSubstr(fmt::format(R"("{}":)", name)));
    }
    EXPECT_EQ(fetch(agent->port(), "/metrics/snapshot?timeout=soon").status, 400U);
    const auto containers = fetch(agent->port(), "/containers?container_id=" + container.value);
    EXPECT_THAT(*containers.body, HasSubstr(R"("mem_total_bytes":4096)"));
    EXPECT_EQ(*fetch(agent->port(), "/containers?container_id=other").body, "[]");
    EXPECT_EQ(fetch(agent->port(), "/containers?executor_id=t").status, 400U);
    EXPECT_THAT(*fetch(agent->port(), "/monitor/statistics").body,
                HasSubstr(R"("executor_id":"t")"));
    EXPECT_THAT(*fetch(agent->port(), "/system/stats.json").body, HasSubstr("cpus_total"));
}

TEST_F(AgentTest, StopsWhileEverythingIsBusy) {
    run_first("t");
    for (int i = 0; i < 20; ++i) master.run_task(echo_task(fmt::format("t{}", i)));
    agent->stop();
    agent->stop();
    EXPECT_EQ(agent->wait_for_end(0s), AgentEnd{});
}

}  // namespace
}  // namespace tepui::agent
