#include "master/snapshot/snapshot_hub.h"

#include <gtest/gtest.h>

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
    void end_batch() { hub_.batch_ended(state_, take_changes_); }

    State state_;
    int taken_ = 0;
    SnapshotHub hub_{std::make_shared<MasterFacts>(), [] {}};

private:
    const std::function<Changes()> take_changes_ = [this] {
        ++taken_;
        return std::exchange(state_.changes, Changes{});
    };
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
    for (int i = 0; i < 10'000; ++i) {
        state_.changes.tasks.insert({FrameworkId{"f"}, TaskId{fmt::format("t{}", i)}});
    }
    end_batch();
    EXPECT_EQ(taken_, 1);
    EXPECT_TRUE(state_.changes.empty());
    state_.changes.everything = true;
    end_batch();
    EXPECT_EQ(taken_, 2);
}

}  // namespace
}  // namespace tepui::master
