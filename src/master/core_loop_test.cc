#include "master/core_loop.h"

#include <future>

#include <gmock/gmock.h>

#include "coord/memory_store.h"
#include "env/posix/clock.h"
#include "master/core/state.h"
#include "master/master_testing.h"

namespace tepui::master {
namespace {

using mesos::v1::scheduler::Event;

/// Notes what leaves the loop; wait_for() waits until a condition on the notes holds.
class RecordingOutlets final : public Outlets {
public:
    void send_to_scheduler(const StreamId& stream, std::shared_ptr<const Event> event) override {
        note([&] { sent.emplace_back(stream, Event::Type_Name(event->type())); });
    }
    void close_scheduler(const StreamId&) override {}
    void send_to_agent(LinkId, std::shared_ptr<const link::ToAgent>) override {}
    void close_agent_link(LinkId) override {}
    void log(Severity, const std::string&) override {}
    void batch_ended(const State& state, const ChangeSource&) override {
        if (on_batch) on_batch();
        note([&] {
            ++batches;
            recovered = state.recovered;
            agents_ = state.agents.size();
        });
    }
    void store_failed(const Error& error) override {
        note([&] { failures.push_back(error.text); });
    }

    std::size_t agents() {
        const std::scoped_lock lock(mutex_);
        return agents_;
    }

    template <typename Condition>
    void wait_for(Condition condition) {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(changed_.wait_for(lock, test_deadline, condition));
    }

    std::function<void()> on_batch;  // On the loop's thread; set before the loop starts.
    std::vector<std::pair<StreamId, std::string>> sent;
    std::vector<std::string> failures;
    int batches = 0;
    bool recovered = false;

private:
    template <typename Change>
    void note(Change change) {
        const std::scoped_lock lock(mutex_);
        change();
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t agents_ = 0;
};

class CoreLoopTest : public testing::Test {
protected:
    CoreLoopTest() {
        auto store = std::make_unique<coord::MemoryStore>(std::map<std::string, std::string>{},
                                                          coord::MemoryStore::Completion::manual);
        store_ = store.get();
        mesos::v1::MasterInfo info;
        info.set_id("m");
        info.set_ip(1);
        auto core = Core::create({}, info, {}, 1, clock_.now());
        loop_ = std::make_unique<CoreLoop>(std::move(*core), std::move(store), clock_, outlets_);
    }

    void complete_one_write() {
        const auto deadline = std::chrono::steady_clock::now() + test_deadline;
        while (!store_->complete_next()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }

    void start() {
        loop_->start();
        complete_one_write();  // The epoch.
        outlets_.wait_for([this] { return outlets_.recovered; });
    }

    void subscribe(const std::string& stream) {
        SchedulerSubscribed event{StreamId(stream), {}, std::nullopt};
        *event.subscribe.mutable_framework_info() = test_framework_info();
        loop_->post(std::move(event));
    }

    const env::PosixClock clock_;
    RecordingOutlets outlets_;
    coord::MemoryStore* store_ = nullptr;
    std::unique_ptr<CoreLoop> loop_;
};

TEST_F(CoreLoopTest, RecoversOnlyWhenTheEpochIsDurable) {
    loop_->start();
    outlets_.wait_for([this] { return outlets_.batches >= 1; });
    EXPECT_FALSE(loop_->recovered());
    complete_one_write();
    outlets_.wait_for([this] { return outlets_.recovered; });
    EXPECT_TRUE(loop_->recovered());
}

TEST_F(CoreLoopTest, SendsNothingThatDependsOnAWriteBeforeItIsDurable) {
    start();
    subscribe("s");
    const auto deadline = std::chrono::steady_clock::now() + test_deadline;
    while (store_->pending() == 0) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    outlets_.wait_for([this] { return outlets_.sent.empty(); });
    complete_one_write();
    outlets_.wait_for([this] { return !outlets_.sent.empty(); });
    EXPECT_EQ(outlets_.sent[0].second, "SUBSCRIBED");
}

TEST_F(CoreLoopTest, WritesOfABatchAreOneCommit) {
    std::promise<void> entered;
    std::promise<void> release;
    bool block = false;
    outlets_.on_batch = [&] {
        if (!std::exchange(block, false)) return;
        entered.set_value();
        release.get_future().wait();
    };
    start();
    // Holds the loop, so that what follows piles up into one batch.
    outlets_.wait_for([this] { return outlets_.recovered; });
    loop_->post_call({}, std::nullopt, [&](Result<void>) { block = true; });
    entered.get_future().wait();
    for (int i = 0; i < 50; ++i) subscribe("s" + std::to_string(i));
    release.set_value();
    complete_one_write();
    EXPECT_EQ(store_->pending(), 0U);
    outlets_.wait_for([this] { return outlets_.sent.size() >= 50; });
    loop_->stop();  // Its callbacks use this function's variables.
}

TEST_F(CoreLoopTest, AThousandAgentsAreAdmittedInAHandfulOfCommits) {
    constexpr int count = 1000;
    start();
    std::vector<master::Event> events;
    for (int i = 0; i < count; ++i) {
        link::ToMaster frame;
        frame.set_agent_id("");
        frame.mutable_register_agent()->set_version("1.12.0");
        auto& info = *frame.mutable_register_agent()->mutable_agent();
        info.set_hostname("node" + std::to_string(i));
        info.set_port(5051);
        events.push_back(
            AgentFrameReceived{LinkId{static_cast<std::uint64_t>(i + 1)}, std::move(frame), ""});
    }
    loop_->post(std::move(events));
    const auto deadline = std::chrono::steady_clock::now() + test_deadline;
    while (outlets_.agents() < count) {
        store_->complete_next();
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    EXPECT_LE(loop_->stats().commits, 5U);
}

TEST_F(CoreLoopTest, AFailedStoreIsToldOnceAndNothingIsDecidedAnyMore) {
    start();
    subscribe("s1");
    const auto deadline = std::chrono::steady_clock::now() + test_deadline;
    while (store_->pending() == 0) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    store_->break_down(Error{Errc::io, "the disk is gone"});
    EXPECT_THAT(outlets_.failures, testing::ElementsAre("the disk is gone"));
    subscribe("s2");
    std::promise<Result<void>> answered;
    loop_->post_call({}, std::nullopt, [&](Result<void> result) { answered.set_value(result); });
    const Result<void> result = answered.get_future().get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::unavailable);
    EXPECT_TRUE(outlets_.sent.empty());
    EXPECT_EQ(outlets_.failures.size(), 1U);
}

TEST_F(CoreLoopTest, WhatWaitsIsAnsweredWhenTheLoopStops) {
    start();
    std::promise<Result<void>> answered;
    loop_->stop();
    loop_->post_teardown(FrameworkId("f"),
                         [&](Result<void> result) { answered.set_value(result); });
    EXPECT_EQ(answered.get_future().get().error().code, Errc::cancelled);
}

}  // namespace
}  // namespace tepui::master
