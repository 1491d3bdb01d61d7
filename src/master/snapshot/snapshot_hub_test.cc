#include "master/snapshot/snapshot_hub.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace tepui::master {
namespace {

/// A state whose changes the hub takes when it wants to.
class SnapshotHubTest : public testing::Test {
protected:
    void change_weight(double weight) {
        state_.weights["a"] = weight;
        state_.changes.weights = true;
        ++state_.version;
        end_batch();
    }
    static TaskId task_id(int number) { return TaskId{fmt::format("t{}", number)}; }
    void change_tasks(int begin, int end) {
        for (int i = begin; i < end; ++i) {
            state_.changes.tasks.insert({FrameworkId{"f"}, task_id(i)});
        }
    }
    void end_batch() { hub_.batch_ended(state_, changes_); }

    State state_;
    int taken_ = 0;
    std::size_t packed_ = 0;
    int wakes_ = 0;
    SnapshotHub hub_{std::make_shared<MasterFacts>(), [this] { ++wakes_; }};
    const ChangeSource changes_{
        .take =
            [this] {
                ++taken_;
                return std::exchange(state_.changes, Changes{});
            },
        .pack = [this](const Changes& changes) { packed_ += changes.tasks.size(); }};
};

TEST_F(SnapshotHubTest, WhatNobodyReadsIsNotTaken) {
    change_weight(2);
    change_weight(3);
    EXPECT_EQ(taken_, 0);
    EXPECT_EQ(hub_.now()->weight_of("a"), 3);
    EXPECT_EQ(taken_, 1);
}

TEST_F(SnapshotHubTest, AReaderSeesTheLastBatch) {
    change_weight(2);
    const auto before = hub_.now();
    change_weight(3);
    const auto after = hub_.now();
    EXPECT_EQ(before->weight_of("a"), 2);
    EXPECT_EQ(after->weight_of("a"), 3);
    EXPECT_EQ(after->version, state_.version);
    EXPECT_EQ(hub_.now(), after) << "nothing changed since";
}

TEST_F(SnapshotHubTest, ManyChangesAreTakenThoughNobodyReads) {
    change_tasks(0, 20'000);
    end_batch();
    EXPECT_EQ(taken_, 1);
    EXPECT_TRUE(state_.changes.empty());
    EXPECT_EQ(packed_, 2'048u) << "a part a batch";
    end_batch();
    EXPECT_EQ(packed_, 4'096u);
    state_.changes.everything = true;
    end_batch();
    EXPECT_EQ(taken_, 2);
    EXPECT_EQ(packed_, 20'000u);
}

TEST_F(SnapshotHubTest, WhoReadsWaitsForSomeBatchesAtMost) {
    end_batch();
    hub_.now();
    asio::io_context io;
    std::shared_ptr<const Snapshot> read;
    asio::co_spawn(
        io, [&]() -> asio::awaitable<void> { read = co_await hub_.current(); }, asio::detached);
    io.poll();
    change_tasks(0, 5'000);
    change_weight(2);
    io.poll();
    EXPECT_FALSE(read);
    EXPECT_EQ(wakes_, 2) << "by the reader, and for the rest";
    int batches = 1;
    for (; !read && batches < 100; ++batches) {
        change_tasks(batches * 5'000, (batches + 1) * 5'000);  // More than what a batch applies.
        change_weight(batches);
        io.restart();
        io.poll();
    }
    ASSERT_TRUE(read);
    EXPECT_GT(batches, 3);
    EXPECT_EQ(read->version, state_.version);
    EXPECT_EQ(read->weight_of("a"), batches - 1);
}

TEST_F(SnapshotHubTest, WhoReadsSeesWhatIsStillBeingAppliedToo) {
    Framework& framework = state_.frameworks[FrameworkId{"f"}];
    framework.info = std::make_shared<const mesos::v1::FrameworkInfo>();
    end_batch();
    EXPECT_EQ(hub_.now()->unreachable_tasks.size(), 0);  // From now on change by change.
    const auto task = std::make_shared<const mesos::v1::Task>();
    for (int i = 0; i < 20'000; ++i) framework.unreachable_tasks.emplace(task_id(i), task);
    change_tasks(0, 20'000);
    end_batch();
    framework.unreachable_tasks.erase(task_id(0));
    framework.unreachable_tasks.emplace(task_id(20'000), task);
    change_tasks(20'000, 20'001);
    change_tasks(0, 1);
    end_batch();
    const auto snapshot = hub_.now();
    EXPECT_EQ(snapshot->unreachable_tasks.size(), 20'000);
    EXPECT_EQ(snapshot->unreachable_tasks.find({FrameworkId{"f"}, task_id(0)}), nullptr);
    EXPECT_NE(snapshot->unreachable_tasks.find({FrameworkId{"f"}, task_id(20'000)}), nullptr);
}

}  // namespace
}  // namespace tepui::master
