// The operator event streams of a whole master, over real sockets.
#include "master/operator_streams.h"

#include <gmock/gmock.h>

#include "master/master.h"
#include "master/operator_streams_testing.h"
#include "master/snapshot/json_shape_testing.h"
#include "resources/resources.h"
#include "tepui/operator.pb.h"

namespace tepui::master {
namespace {

using mesos::v1::master::Event;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class OperatorStreamsTest : public testing::Test {
protected:
    OperatorStreamsTest() {
        options_.port = 0;
        options_.registry = RegistryKind::in_memory;
        options_.log.to_stderr = false;
    }

    void start() {
        master_ = std::make_unique<Master>(options_);
        const auto started = master_->start();
        ASSERT_TRUE(started) << started.error().text;
        client_ = std::make_unique<TestClient>(io_, master_->port());
        while (client_->get("/state-summary").status == 503) std::this_thread::yield();
    }

    TestReader reader(const std::string& query = {}, wire::Media media = wire::Media::json) {
        return TestReader(io_, master_->port(), query, media);
    }

    /// Registers a framework of that name and leaves it connected; its id.
    std::string add_framework(const std::string& name, const std::string& role = "*",
                              const std::string& label = {}) {
        auto info = test_framework_info();
        info.set_name(name);
        info.clear_roles();
        info.add_roles(role);
        if (!label.empty()) {
            auto* added = info.mutable_labels()->add_labels();
            added->set_key("k");
            added->set_value(label);
        }
        schedulers_.push_back(
            std::make_unique<TestScheduler>(io_, master_->port(), wire::Media::protobuf));
        schedulers_.back()->subscribe(std::move(info));
        return schedulers_.back()->framework_id().value();
    }

    double metric(const std::string& name) {
        mesos::v1::master::Call call;
        call.set_type(mesos::v1::master::Call::GET_METRICS);
        call.mutable_get_metrics();
        const auto answer = client_->call(call, wire::Media::protobuf);
        for (const auto& metric : answer.get_metrics().metrics()) {
            if (metric.name() == name) return metric.value();
        }
        ADD_FAILURE() << "no metric " << name;
        return -1;
    }

    void wait_for_metric(const std::string& name, double value) {
        const auto deadline = std::chrono::steady_clock::now() + test_deadline;
        while (metric(name) != value) ASSERT_LT(std::chrono::steady_clock::now(), deadline) << name;
    }

    MasterOptions options_;
    TestIo io_;
    std::unique_ptr<Master> master_;
    std::unique_ptr<TestClient> client_;
    std::vector<std::unique_ptr<TestScheduler>> schedulers_;
};

std::string added_name(const Event& event) {
    EXPECT_EQ(event.type(), Event::FRAMEWORK_ADDED);
    return event.framework_added().framework().framework_info().name();
}

std::vector<std::string> names_of(const Event& subscribed) {
    EXPECT_EQ(subscribed.type(), Event::SUBSCRIBED);
    std::vector<std::string> names;
    for (const auto& framework : subscribed.subscribed().get_state().get_frameworks().frameworks())
        names.push_back(framework.framework_info().name());
    return names;
}

operator_api::SequencedEvent ours_of(const std::string& bytes) {
    operator_api::SequencedEvent ours;
    EXPECT_TRUE(ours.ParseFromString(bytes));
    return ours;
}

mesos::v1::scheduler::Call launch_call(const mesos::v1::Offer& offer, const std::string& task_id) {
    mesos::v1::scheduler::Call call;
    call.set_type(mesos::v1::scheduler::Call::ACCEPT);
    *call.mutable_accept()->add_offer_ids() = offer.id();
    auto* operation = call.mutable_accept()->add_operations();
    operation->set_type(mesos::v1::Offer::Operation::LAUNCH);
    auto* task = operation->mutable_launch()->add_task_infos();
    task->set_name(task_id);
    task->mutable_task_id()->set_value(task_id);
    *task->mutable_agent_id() = offer.agent_id();
    *task->mutable_resources() = Resources::parse_flag("cpus:1;mem:64")
                                     ->allocated_to(offer.allocation_info().role())
                                     .to_proto();
    task->mutable_command()->set_value("sleep 1000");
    return call;
}

class OperatorStreamsMediaTest : public OperatorStreamsTest,
                                 public testing::WithParamInterface<wire::Media> {};

TEST_P(OperatorStreamsMediaTest, BeginsWithASnapshotAndTellsALifeInOrder) {
    start();
    TestAgent agent(io_, master_->port());
    agent.register_agent(test_agent_info("node1"));
    TestReader reader(io_, master_->port(), "", GetParam());
    const Event subscribed = reader.next(true);
    ASSERT_EQ(subscribed.type(), Event::SUBSCRIBED);
    EXPECT_EQ(subscribed.subscribed().heartbeat_interval_seconds(), 15);
    EXPECT_EQ(subscribed.subscribed().get_state().get_agents().agents_size(), 1);
    EXPECT_EQ(reader.next(true).type(), Event::HEARTBEAT);

    const std::string framework = add_framework("f");
    const Event added = reader.next();
    EXPECT_EQ(added_name(added), "f");
    EXPECT_TRUE(added.framework_added().framework().connected());
    TestScheduler& scheduler = *schedulers_.back();
    const auto offers = scheduler.next(mesos::v1::scheduler::Event::OFFERS);
    EXPECT_EQ(scheduler.send(launch_call(offers.offers().offers(0), "t")), 202U);
    const Event launched = reader.next();
    ASSERT_EQ(launched.type(), Event::TASK_ADDED);
    EXPECT_EQ(launched.task_added().task().state(), mesos::v1::TASK_STAGING);

    link::ToMaster frame;
    frame.set_agent_id(agent.id());
    auto* update = frame.mutable_status_update();
    update->mutable_framework_id()->set_value(framework);
    update->set_latest_state(mesos::v1::TASK_RUNNING);
    update->mutable_status()->mutable_task_id()->set_value("t");
    update->mutable_status()->set_state(mesos::v1::TASK_STARTING);
    update->mutable_status()->set_uuid(std::string(16, 'u'));
    agent.send(frame);
    const Event updated = reader.next();
    ASSERT_EQ(updated.type(), Event::TASK_UPDATED);
    EXPECT_EQ(updated.task_updated().framework_id().value(), framework);
    EXPECT_EQ(updated.task_updated().status().state(), mesos::v1::TASK_STARTING);
    EXPECT_EQ(updated.task_updated().state(), mesos::v1::TASK_RUNNING);

    mesos::v1::scheduler::Call teardown;
    teardown.set_type(mesos::v1::scheduler::Call::TEARDOWN);
    EXPECT_EQ(scheduler.send(teardown), 202U);
    EXPECT_EQ(reader.next().task_updated().state(), mesos::v1::TASK_KILLED);
    EXPECT_EQ(reader.next().type(), Event::FRAMEWORK_REMOVED);
}

TEST_P(OperatorStreamsMediaTest, SubscribersWhoDoNotAskSeeNoFieldOfOurs) {
    start();
    TestReader plain(io_, master_->port(), "", GetParam());
    TestReader sequenced(io_, master_->port(), "?sequence=1", GetParam());
    plain.next_bytes();
    const std::string subscribed = *sequenced.next_bytes();
    add_framework("f");
    const std::string bytes = *plain.next_bytes();
    const std::string ours = *sequenced.next_bytes();
    if (GetParam() == wire::Media::json) {
        EXPECT_THAT(bytes, Not(HasSubstr("\"sequence\"")));
        EXPECT_THAT(subscribed, HasSubstr("\"master_id\":\""));
        EXPECT_THAT(ours, HasSubstr(",\"sequence\":"));
    } else {
        EXPECT_FALSE(ours_of(bytes).has_sequence());
        EXPECT_FALSE(ours_of(subscribed).master_id().empty());
        EXPECT_EQ(ours_of(ours).sequence(), ours_of(subscribed).sequence() + 1);
    }
}

INSTANTIATE_TEST_SUITE_P(Media, OperatorStreamsMediaTest,
                         testing::Values(wire::Media::json, wire::Media::protobuf));

TEST_F(OperatorStreamsTest, NothingIsLostOrToldTwiceBetweenSnapshotAndEvents) {
    start();
    constexpr int count = 60;
    std::thread changes([this] {
        for (int i = 0; i < count; ++i) add_framework(fmt::format("f{:02}", i));
    });
    std::vector<std::unique_ptr<TestReader>> readers;
    while (readers.size() < 12)
        readers.push_back(std::make_unique<TestReader>(io_, master_->port()));
    changes.join();
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) all.push_back(fmt::format("f{:02}", i));
    for (auto& reader : readers) {
        std::vector<std::string> seen = names_of(reader->next());
        while (seen.size() < count) seen.push_back(added_name(reader->next()));
        std::ranges::sort(seen);
        EXPECT_EQ(seen, all);
    }
}

TEST_F(OperatorStreamsTest, AReaderGoesOnWhereItWas) {
    start();
    TestReader first(io_, master_->port(), "?sequence=1", wire::Media::protobuf);
    const auto position = ours_of(*first.next_bytes());
    add_framework("a");
    const auto at_a = ours_of(*first.next_bytes());
    EXPECT_EQ(at_a.sequence(), position.sequence() + 1);
    first.leave();
    wait_for_metric("master/operator_event_stream_subscribers", 0);
    add_framework("b");
    add_framework("c");
    TestReader second(io_, master_->port(),
                      fmt::format("?after={}&master={}", at_a.sequence(), position.master_id()),
                      wire::Media::protobuf);
    const std::string heartbeat = *second.next_bytes(true);
    EXPECT_EQ(second.decode(heartbeat).type(), Event::HEARTBEAT);
    EXPECT_EQ(ours_of(heartbeat).sequence(), at_a.sequence());
    const std::string b = *second.next_bytes();
    EXPECT_EQ(added_name(second.decode(b)), "b");
    EXPECT_EQ(ours_of(b).sequence(), at_a.sequence() + 1);
    EXPECT_EQ(added_name(second.next()), "c");
    add_framework("d");
    EXPECT_EQ(added_name(second.next()), "d");
}

TEST_F(OperatorStreamsTest, APositionThatIsNotKnownBeginsAnew) {
    options_.operator_streams.history_max = 2;
    start();
    TestReader first(io_, master_->port(), "?sequence=1", wire::Media::protobuf);
    const auto position = ours_of(*first.next_bytes());
    for (const char* name : {"a", "b", "c"}) {
        add_framework(name);
        first.next();
    }
    const auto resumed = [&](std::uint64_t after, const std::string& master) {
        return reader(fmt::format("?after={}&master={}", after, master)).next(true).type();
    };
    EXPECT_EQ(resumed(position.sequence() + 1, position.master_id()), Event::HEARTBEAT);
    EXPECT_EQ(resumed(position.sequence(), position.master_id()), Event::SUBSCRIBED) << "too old";
    EXPECT_EQ(resumed(position.sequence() + 9, position.master_id()), Event::SUBSCRIBED);
    EXPECT_EQ(resumed(position.sequence() + 1, "another"), Event::SUBSCRIBED);
}

TEST_F(OperatorStreamsTest, NobodyGoesOnFromBeforeAPauseInWhichNothingWasNoted) {
    options_.operator_streams.history_max = 0;
    start();
    const auto position = [&] {
        TestReader first(io_, master_->port(), "?sequence=1", wire::Media::protobuf);
        return ours_of(*first.next_bytes());
    }();
    wait_for_metric("master/operator_event_stream_subscribers", 0);
    add_framework("unseen");
    TestReader second(
        io_, master_->port(),
        fmt::format("?after={}&master={}", position.sequence(), position.master_id()));
    EXPECT_THAT(names_of(second.next(true)), ElementsAre("unseen"));
}

TEST_F(OperatorStreamsTest, FiltersLetOnlyWhatMatchesThrough) {
    start();
    const std::string red = add_framework("red", "r");
    TestAgent agent(io_, master_->port());
    agent.register_agent(test_agent_info("node1"));
    TestReader by_framework(io_, master_->port(), "?framework=" + red);
    TestReader by_role(io_, master_->port(), "?role=b,c");
    TestReader by_agent(io_, master_->port(), "?agent=" + agent.id());
    TestReader by_kind(io_, master_->port(), "?kind=AGENT_ADDED,AGENT_REMOVED");

    const Event of_framework = by_framework.next();
    EXPECT_THAT(names_of(of_framework), ElementsAre("red"));
    EXPECT_EQ(of_framework.subscribed().get_state().get_agents().agents_size(), 0);
    EXPECT_THAT(names_of(by_role.next()), IsEmpty());
    const Event of_agent = by_agent.next();
    EXPECT_THAT(names_of(of_agent), IsEmpty());
    EXPECT_EQ(of_agent.subscribed().get_state().get_agents().agents_size(), 1);
    const Event of_kind = by_kind.next();
    EXPECT_THAT(names_of(of_kind), IsEmpty());
    EXPECT_EQ(of_kind.subscribed().get_state().get_agents().agents_size(), 1);

    add_framework("blue", "b");
    TestAgent other(io_, master_->port());
    other.register_agent(test_agent_info("node2"));
    schedulers_.front()->disconnect();
    auto info = test_framework_info();
    info.set_name("red");
    info.clear_roles();
    info.add_roles("r");
    schedulers_.front()->subscribe(info);
    EXPECT_EQ(by_framework.next().type(), Event::FRAMEWORK_UPDATED);
    EXPECT_EQ(added_name(by_role.next()), "blue");
    EXPECT_EQ(by_kind.next().agent_added().agent().agent_info().hostname(), "node2");
    link::ToMaster leave;
    leave.set_agent_id(agent.id());
    leave.mutable_unregister_agent();
    agent.send(leave);
    EXPECT_EQ(by_agent.next().type(), Event::AGENT_REMOVED);
    EXPECT_EQ(by_kind.next().agent_removed().agent_id().value(), agent.id());
}

TEST_F(OperatorStreamsTest, TheOldestMakesRoomForANewOne) {
    options_.operator_streams.subscribers_max = 2;
    start();
    TestReader oldest(io_, master_->port());
    TestReader second(io_, master_->port());
    oldest.next();
    second.next();
    TestReader third(io_, master_->port());
    third.next();
    EXPECT_TRUE(oldest.ended());
    EXPECT_EQ(metric("master/operator_event_stream_subscribers"), 2);
    EXPECT_EQ(metric("master/operator_event_streams_cut_off_surplus"), 1);
    add_framework("f");
    EXPECT_EQ(added_name(second.next()), "f");
    EXPECT_EQ(added_name(third.next()), "f");
}

TEST_F(OperatorStreamsTest, AReaderThatDoesNotReadIsCutOffAlone) {
    options_.operator_streams.backlog_bytes_max = 256 << 10;
    start();
    TestReader reading(io_, master_->port());
    reading.next();
    TestReader stalled(io_, master_->port(), "", wire::Media::json, /*reads=*/false);
    const std::string label(512 << 10, 'x');
    // More than the sockets' own buffers hold.
    for (int i = 0; i < 100 && metric("master/operator_event_streams_cut_off_slow") == 0; ++i) {
        add_framework(fmt::format("f{}", i), "*", label);
        EXPECT_EQ(added_name(reading.next()), fmt::format("f{}", i));
    }
    EXPECT_EQ(metric("master/operator_event_streams_cut_off_slow"), 1);
    wait_for_metric("master/operator_event_stream_subscribers", 1);
}

TEST_F(OperatorStreamsTest, StreamsEndWithTheMaster) {
    start();
    TestReader reader(io_, master_->port());
    reader.next();
    master_->stop();
    EXPECT_TRUE(reader.ended());
}

TEST_F(OperatorStreamsTest, HeartbeatsComeByThemselves) {
    options_.operator_streams.heartbeat = 50ms;
    start();
    TestReader reader(io_, master_->port());
    EXPECT_EQ(reader.next(true).subscribed().heartbeat_interval_seconds(), 0.05);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(reader.next(true).type(), Event::HEARTBEAT);
}

TEST_F(OperatorStreamsTest, WhatCannotBeAskedForIsRefused) {
    start();
    const std::pair<const char*, const char*> rows[] = {
        {"?kind=TASK_LOST", "'TASK_LOST' is no kind of event; there are TASK_ADDED"},
        {"?framwork=a", "no parameter 'framwork'"},
        {"?framework=", "'framework' has an empty value"},
        {"?after=x&master=m", "'after' is 'x', which is no number"},
        {"?after=5", "needs 'master'"},
        {"?sequence=yes", "it may be 1 or 0"},
    };
    for (const auto& [query, text] : rows) {
        const auto response =
            client_->post_json(std::string("/api/v1") + query, R"({"type":"SUBSCRIBE"})");
        EXPECT_EQ(response.status, 400U) << query;
        EXPECT_THAT(*response.body, HasSubstr(text)) << query;
    }
}

TEST_F(OperatorStreamsTest, RecordsHaveTheRecordedShapes) {
    start();
    TestAgent agent(io_, master_->port());
    agent.register_agent(test_agent_info("node1"));
    TestReader reader(io_, master_->port());
    std::map<std::string, std::string> ours;
    const auto take = [&] {
        const std::string bytes = reader.next_bytes(true).value_or("");
        ours.emplace(Event::Type_Name(reader.decode(bytes).type()), bytes);
    };
    take();
    take();
    add_framework("f");
    take();
    auto& scheduler = *schedulers_.back();
    const auto offers = scheduler.next(mesos::v1::scheduler::Event::OFFERS);
    scheduler.send(launch_call(offers.offers().offers(0), "t"));
    take();
    mesos::v1::scheduler::Call teardown;
    teardown.set_type(mesos::v1::scheduler::Call::TEARDOWN);
    scheduler.send(teardown);
    take();
    take();
    const auto recorded =
        read_recordings(std::string(TEPUI_SOURCE_DIR) + "/api/golden/operator-events.jsonl");
    for (const auto& [type, json] : recorded) {
        ASSERT_TRUE(ours.contains(type)) << type;
        // What lists hold, and what frameworks, tasks and statuses say of themselves, depends on
        // the cluster; snapshot/golden_test.cc compares those messages.
        const auto missing = differences(
            shape_of(json, {}), shape_of(ours.at(type), {}),
            {"subscribed.get_state.get_tasks.tasks[]",
             "subscribed.get_state.get_tasks.completed_tasks[]",
             "subscribed.get_state.get_executors.executors[]",
             "subscribed.get_state.get_frameworks.frameworks[]",
             "subscribed.get_state.get_frameworks.completed_frameworks[]",
             "subscribed.get_state.get_agents.agents[]", "task_updated.status.",
             "framework_added.framework.framework_info.", "framework_removed.framework_info.",
             "task_added.task.user", "task_added.task.executor_id", "task_added.task.labels",
             "task_added.task.discovery"});
        EXPECT_THAT(missing, IsEmpty()) << type << " " << ours.at(type);
    }
}

}  // namespace
}  // namespace tepui::master
