// A whole master over real sockets: schedulers, agents, operators, restarts.
#include "master/master.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "base/temporary_directory_testing.h"
#include "coord/sqlite_store.h"
#include "master/master_testing.h"
#include "resources/resources.h"

namespace tepui::master {
namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;
using testing::HasSubstr;
using OperatorCall = mesos::v1::master::Call;

class MasterTest : public testing::Test {
protected:
    MasterTest() {
        options_.port = 0;
        options_.work_dir = folder_.path();
        options_.cluster = "testing";
        options_.log.to_stderr = false;
        start();
    }

    void start() {
        master_ = std::make_unique<Master>(options_);
        const auto started = master_->start();
        ASSERT_TRUE(started) << started.error().text;
        client_ = std::make_unique<TestClient>(io_, master_->port());
        // Until the epoch is durable everything is answered 503.
        while (client_->get("/state-summary").status == 503) std::this_thread::yield();
    }

    std::string body(const std::string& target) {
        const http::Response response = client_->get(target);
        EXPECT_EQ(response.status, 200U) << target << ": " << *response.body;
        return *response.body;
    }

    mesos::v1::master::Response read(OperatorCall::Type type,
                                     wire::Media media = wire::Media::protobuf) {
        OperatorCall call;
        call.set_type(type);
        if (type == OperatorCall::GET_METRICS) call.mutable_get_metrics();
        return client_->call(call, media);
    }

    double metric(const std::string& name) {
        const auto metrics = read(OperatorCall::GET_METRICS);
        for (const auto& metric : metrics.get_metrics().metrics()) {
            if (metric.name() == name) return metric.value();
        }
        ADD_FAILURE() << "no metric " << name;
        return -1;
    }

    const TemporaryDirectory folder_;
    MasterOptions options_;
    TestIo io_;
    std::unique_ptr<Master> master_;
    std::unique_ptr<TestClient> client_;
};

Call accept_call(const mesos::v1::Offer& offer, const std::string& task_id) {
    Call call;
    call.set_type(Call::ACCEPT);
    *call.mutable_accept()->add_offer_ids() = offer.id();
    auto* operation = call.mutable_accept()->add_operations();
    operation->set_type(mesos::v1::Offer::Operation::LAUNCH);
    auto* task = operation->mutable_launch()->add_task_infos();
    task->set_name("sleep");
    task->mutable_task_id()->set_value(task_id);
    *task->mutable_agent_id() = offer.agent_id();
    *task->mutable_resources() = Resources::parse_flag("cpus:1;mem:64")
                                     ->allocated_to(offer.allocation_info().role())
                                     .to_proto();
    task->mutable_command()->set_value("sleep 1000");
    return call;
}

link::ToMaster status_update(const TestAgent& agent, const mesos::v1::FrameworkID& framework,
                             const std::string& task_id, mesos::v1::TaskState state, char uuid) {
    link::ToMaster frame;
    frame.set_agent_id(agent.id());
    auto* update = frame.mutable_status_update();
    *update->mutable_framework_id() = framework;
    update->set_latest_state(state);
    auto* status = update->mutable_status();
    status->mutable_task_id()->set_value(task_id);
    status->set_state(state);
    status->mutable_agent_id()->set_value(agent.id());
    status->mutable_executor_id()->set_value(task_id);
    status->set_timestamp(1'700'000'000.5);
    status->set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
    status->set_uuid(std::string(16, uuid));
    return frame;
}

Call acknowledge(const mesos::v1::TaskStatus& status) {
    Call call;
    call.set_type(Call::ACKNOWLEDGE);
    *call.mutable_acknowledge()->mutable_agent_id() = status.agent_id();
    *call.mutable_acknowledge()->mutable_task_id() = status.task_id();
    call.mutable_acknowledge()->set_uuid(status.uuid());
    return call;
}

/// The whole life of a task, in the encoding of the scheduler.
class MasterMediaTest : public MasterTest, public testing::WithParamInterface<wire::Media> {};

TEST_P(MasterMediaTest, ATaskGoesFromOfferToAcknowledgement) {
    TestScheduler scheduler(io_, master_->port(), GetParam());
    const Event subscribed = scheduler.subscribe(test_framework_info());
    EXPECT_EQ(subscribed.subscribed().master_info().version(), "1.12.0");
    EXPECT_EQ(subscribed.subscribed().master_info().port(), master_->port());
    scheduler.next(Event::HEARTBEAT);

    TestAgent agent(io_, master_->port());
    const auto registered = agent.register_agent(test_agent_info("host-a"));
    EXPECT_EQ(registered.epoch(), 1U);

    const Event offers = scheduler.next(Event::OFFERS);
    ASSERT_EQ(offers.offers().offers_size(), 1);
    const auto& offer = offers.offers().offers(0);
    EXPECT_EQ(offer.url().address().ip(), "127.0.0.1");
    EXPECT_EQ(scheduler.send(accept_call(offer, "t1")), 202U);

    const link::RunTask run = agent.next(link::ToAgent::kRunTask).run_task();
    EXPECT_EQ(run.task().task_id().value(), "t1");
    EXPECT_EQ(run.framework().id().value(), scheduler.framework_id().value());

    agent.send(status_update(agent, scheduler.framework_id(), "t1", mesos::v1::TASK_RUNNING, 'r'));
    const Event running = scheduler.next(Event::UPDATE);
    EXPECT_EQ(running.update().status().state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(running.update().status().uuid(), std::string(16, 'r'));
    EXPECT_EQ(metric("master/tasks_running"), 1);
    EXPECT_EQ(metric("master/cpus_used"), 1);

    EXPECT_EQ(scheduler.send(acknowledge(running.update().status())), 202U);
    EXPECT_EQ(agent.next(link::ToAgent::kAcknowledgeUpdate).acknowledge_update().uuid(),
              std::string(16, 'r'));

    EXPECT_THAT(body("/tasks?task_id=t1"), HasSubstr("\"state\":\"TASK_RUNNING\""));
    agent.send(status_update(agent, scheduler.framework_id(), "t1", mesos::v1::TASK_FINISHED, 'f'));
    const Event finished = scheduler.next(Event::UPDATE);
    EXPECT_EQ(scheduler.send(acknowledge(finished.update().status())), 202U);
    agent.next(link::ToAgent::kAcknowledgeUpdate);
    const auto tasks = read(OperatorCall::GET_TASKS).get_tasks();
    EXPECT_EQ(tasks.tasks_size(), 0);
    ASSERT_EQ(tasks.completed_tasks_size(), 1);
    EXPECT_EQ(tasks.completed_tasks(0).state(), mesos::v1::TASK_FINISHED);
    EXPECT_EQ(metric("master/tasks_finished"), 1);
}

INSTANTIATE_TEST_SUITE_P(BothEncodings, MasterMediaTest,
                         testing::Values(wire::Media::json, wire::Media::protobuf),
                         [](const auto& info) {
                             return info.param == wire::Media::json ? "Json" : "Protobuf";
                         });

TEST_F(MasterTest, ForgetsNothingAcrossARestart) {
    TestScheduler scheduler(io_, master_->port(), wire::Media::protobuf);
    scheduler.subscribe(test_framework_info());
    std::string agent_id;
    mesos::v1::Task task;
    {
        TestAgent agent(io_, master_->port());
        agent.register_agent(test_agent_info("host-a"));
        agent_id = agent.id();
        const Event offers = scheduler.next(Event::OFFERS);
        scheduler.send(accept_call(offers.offers().offers(0), "t1"));
        agent.next(link::ToAgent::kRunTask);
        agent.send(
            status_update(agent, scheduler.framework_id(), "t1", mesos::v1::TASK_RUNNING, 'r'));
        scheduler.next(Event::UPDATE);
        task = read(OperatorCall::GET_TASKS).get_tasks().tasks(0);
    }
    const std::string framework_id = scheduler.framework_id().value();
    scheduler.disconnect();
    master_->stop();
    start();

    // What the registry knows is there at once.
    EXPECT_THAT(body("/state"), HasSubstr("\"recovered_slaves\":[{\"id\":\"" + agent_id));
    const auto frameworks = read(OperatorCall::GET_FRAMEWORKS).get_frameworks();
    ASSERT_EQ(frameworks.frameworks_size(), 1);
    EXPECT_EQ(frameworks.frameworks(0).framework_info().id().value(), framework_id);
    EXPECT_TRUE(frameworks.frameworks(0).recovered());

    // The framework comes back under its id, and the agent with its task.
    TestScheduler again(io_, master_->port(), wire::Media::protobuf);
    auto info = test_framework_info();
    info.mutable_id()->set_value(framework_id);
    again.subscribe(info);
    EXPECT_EQ(again.framework_id().value(), framework_id);

    TestAgent agent(io_, master_->port());
    link::ToMaster frame;
    frame.set_agent_id(agent_id);
    auto* message = frame.mutable_reregister_agent();
    *message->mutable_agent() = test_agent_info("host-a");
    message->mutable_agent()->mutable_id()->set_value(agent_id);
    message->set_version("1.12.0");
    *message->add_tasks() = task;
    *message->add_frameworks() = info;
    agent.send(frame);
    const auto reregistered = agent.next(link::ToAgent::kAgentReregistered).agent_reregistered();
    EXPECT_EQ(reregistered.epoch(), 2U);

    Call reconcile;
    reconcile.set_type(Call::RECONCILE);
    reconcile.mutable_reconcile();
    EXPECT_EQ(again.send(reconcile), 202U);
    const Event update = again.next(Event::UPDATE);
    EXPECT_EQ(update.update().status().task_id().value(), "t1");
    EXPECT_EQ(update.update().status().state(), mesos::v1::TASK_RUNNING);
    EXPECT_THAT(body("/state"), HasSubstr("\"recovered_slaves\":[]"));
}

TEST_F(MasterTest, ADisconnectedSchedulerIsNoticed) {
    TestScheduler scheduler(io_, master_->port(), wire::Media::json);
    scheduler.subscribe(test_framework_info());
    EXPECT_EQ(metric("master/frameworks_connected"), 1);
    scheduler.disconnect();
    const auto deadline = std::chrono::steady_clock::now() + test_deadline;
    while (metric("master/frameworks_connected") != 0)
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    // Its calls are refused until it subscribes again.
    Call revive;
    revive.set_type(Call::REVIVE);
    EXPECT_EQ(scheduler.send(revive), 403U);
    scheduler.subscribe(test_framework_info());
    EXPECT_EQ(scheduler.send(revive), 202U);
}

TEST_F(MasterTest, ASecondSubscriptionEndsTheFirst) {
    TestScheduler scheduler(io_, master_->port(), wire::Media::json);
    scheduler.subscribe(test_framework_info());
    TestScheduler other(io_, master_->port(), wire::Media::protobuf);
    auto info = test_framework_info();
    *info.mutable_id() = scheduler.framework_id();
    other.subscribe(info);
    EXPECT_TRUE(scheduler.stream_ended());
    EXPECT_NE(other.stream_id(), scheduler.stream_id());
}

TEST_F(MasterTest, UpdatesAFrameworkAtOnce) {
    TestScheduler scheduler(io_, master_->port(), wire::Media::json);
    scheduler.subscribe(test_framework_info());
    Call update;
    update.set_type(Call::UPDATE_FRAMEWORK);
    auto info = test_framework_info();
    *info.mutable_id() = scheduler.framework_id();
    info.add_roles("extra");
    *update.mutable_update_framework()->mutable_framework_info() = info;
    EXPECT_EQ(scheduler.send(update), 200U);
    update.mutable_update_framework()->mutable_framework_info()->set_user("other");
    EXPECT_EQ(scheduler.send(update), 400U);
}

TEST_F(MasterTest, ABadFrameClosesTheLink) {
    TestAgent agent(io_, master_->port());
    agent.send_bytes("12\nnot a frame!");
    EXPECT_TRUE(agent.link_ended());
    TestAgent other(io_, master_->port());
    other.send_bytes("no length\n");
    EXPECT_TRUE(other.link_ended());
    EXPECT_THAT(body("/files/read?path=/master/log&offset=0"), HasSubstr("not one of ours"));
    // The master goes on.
    TestAgent third(io_, master_->port());
    EXPECT_FALSE(third.register_agent(test_agent_info("host-c")).agent_id().value().empty());
}

TEST_F(MasterTest, OneLinkCarriesManyAgents) {
    TestAgent gateway(io_, master_->port());
    for (std::uint64_t channel = 1; channel <= 3; ++channel) {
        link::ToMaster frame;
        frame.set_agent_id("");
        frame.set_channel(channel);
        auto* message = frame.mutable_register_agent();
        *message->mutable_agent() = test_agent_info("host-" + std::to_string(channel));
        message->set_version("1.12.0");
        gateway.send(frame);
    }
    std::set<std::uint64_t> channels;
    std::set<std::string> ids;
    for (int i = 0; i < 3; ++i) {
        const auto answer = gateway.next(link::ToAgent::kAgentRegistered);
        channels.insert(answer.channel());
        ids.insert(answer.agent_registered().agent_id().value());
    }
    EXPECT_THAT(channels, testing::ElementsAre(1, 2, 3));
    EXPECT_EQ(ids.size(), 3U);
    EXPECT_EQ(metric("master/slaves_active"), 3);
    gateway.close();
    const auto deadline = std::chrono::steady_clock::now() + test_deadline;
    while (metric("master/slaves_connected") != 0)
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST_F(MasterTest, TearsFrameworksDown) {
    TestScheduler scheduler(io_, master_->port(), wire::Media::json);
    scheduler.subscribe(test_framework_info());
    OperatorCall call;
    call.set_type(OperatorCall::TEARDOWN);
    *call.mutable_teardown()->mutable_framework_id() = scheduler.framework_id();
    const http::Response response =
        client_->post_json("/api/v1", wire::encode(wire::Media::json, call));
    EXPECT_EQ(response.status, 200U);
    EXPECT_TRUE(scheduler.stream_ended());
    const auto frameworks = read(OperatorCall::GET_FRAMEWORKS).get_frameworks();
    EXPECT_EQ(frameworks.frameworks_size(), 0);
    ASSERT_EQ(frameworks.completed_frameworks_size(), 1);

    TestScheduler second(io_, master_->port(), wire::Media::json);
    second.subscribe(test_framework_info());
    auto request =
        client_->make("POST", "/master/teardown", "frameworkId=" + second.framework_id().value());
    EXPECT_EQ(client_->send(std::move(request)).status, 200U);
    EXPECT_TRUE(second.stream_ended());
}

TEST_F(MasterTest, TwoMastersCannotShareARegistry) {
    Master second(options_);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::conflict);
    EXPECT_THAT(started.error().text, HasSubstr("registry.db"));
}

TEST_F(MasterTest, ATakenAddressIsNamed) {
    MasterOptions options = options_;
    options.registry = RegistryKind::in_memory;
    options.port = master_->port();
    options.work_dir.clear();
    Master second(options);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().text, HasSubstr(std::to_string(master_->port())));
}

TEST_F(MasterTest, ADamagedRegistryIsNamed) {
    master_->stop();
    {
        auto store = coord::SqliteStore::open({.path = folder_.path() + "/registry.db"});
        ASSERT_TRUE(store);
        (*store)->commit({{"agents/x", "not a record"}}, [](Result<void>) {});
    }
    Master second(options_);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::corrupt);
    EXPECT_THAT(started.error().text, HasSubstr("agents/x"));
}

TEST_F(MasterTest, EndsWithAClearLineWhenItsRegistryFails) {
    // A trigger stands for a full disk.
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((folder_.path() + "/registry.db").c_str(), &database), SQLITE_OK);
    const char* sql =
        "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    ASSERT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);

    TestAgent agent(io_, master_->port());
    link::ToMaster frame;
    frame.set_agent_id("");
    *frame.mutable_register_agent()->mutable_agent() = test_agent_info("host-a");
    frame.mutable_register_agent()->set_version("1.12.0");
    agent.send(frame);
    const auto ended = master_->wait();
    ASSERT_FALSE(ended);
    EXPECT_THAT(ended.error().text, HasSubstr("registry.db"));
    EXPECT_THAT(ended.error().text, HasSubstr("disk full"));
    // It still says why, but decides nothing.
    EXPECT_THAT(body("/files/read?path=/master/log&offset=0"), HasSubstr("disk full"));
    EXPECT_THAT(body("/state"), HasSubstr("\"slaves\":[]"));
    auto request = client_->make("POST", "/teardown", "frameworkId=x");
    EXPECT_EQ(client_->send(std::move(request)).status, 503U);
}

TEST_F(MasterTest, WaitReturnsAfterStop) {
    std::thread stopper([this] { master_->stop(); });
    EXPECT_TRUE(master_->wait());
    stopper.join();
}

}  // namespace
}  // namespace tepui::master
