#include "master/snapshot/snapshot_builder.h"

#include <gmock/gmock.h>

#include "master/facts.h"
#include "master/snapshot/legacy_views.h"

namespace tepui::master {
namespace {

using testing::ElementsAre;

class SnapshotBuilderTest : public testing::Test {
protected:
    SnapshotBuilderTest()
        : builder_(std::make_shared<const MasterFacts>(make_facts({}, "m", 5050, "", WallTime{}))) {
        Framework framework;
        framework.id = fid_;
        framework.info = std::make_shared<const mesos::v1::FrameworkInfo>(info());
        state_.frameworks.emplace(fid_, std::move(framework));
        builder_.apply(state_, {});
    }

    mesos::v1::FrameworkInfo info() const {
        mesos::v1::FrameworkInfo info;
        info.set_user("u");
        info.set_name("n");
        info.mutable_id()->set_value(fid_.value);
        return info;
    }

    std::shared_ptr<const mesos::v1::Task> make_task(const std::string& id) const {
        auto task = std::make_shared<mesos::v1::Task>();
        task->set_name(id);
        task->mutable_task_id()->set_value(id);
        task->mutable_framework_id()->set_value(fid_.value);
        task->mutable_agent_id()->set_value("a");
        task->set_state(mesos::v1::TASK_RUNNING);
        return task;
    }

    Framework& framework() { return state_.frameworks.at(fid_); }

    void apply_task(const std::string& id) {
        Changes changes;
        changes.tasks.insert({fid_, TaskId(id)});
        builder_.apply(state_, changes);
    }

    static std::vector<std::string> names(const TaskItems& items) {
        std::vector<std::string> names;
        for (const auto& item : items) names.push_back(item->info->name());
        return names;
    }

    const FrameworkId fid_{"f"};
    State state_;
    SnapshotBuilder builder_;
};

TEST_F(SnapshotBuilderTest, GivesTheSameSnapshotWhileNothingChanges) {
    const auto first = builder_.publish();
    builder_.apply(state_, {});
    EXPECT_EQ(builder_.publish(), first);
    framework().tasks[TaskId("t")].info = make_task("t");
    apply_task("t");
    EXPECT_NE(builder_.publish(), first);
    EXPECT_TRUE(first->tasks.empty());
}

TEST_F(SnapshotBuilderTest, KeepsRenderingsOfWhatDidNotChange) {
    framework().tasks[TaskId("t1")].info = make_task("t1");
    apply_task("t1");
    const auto before = builder_.publish();
    const TaskKey key{fid_, TaskId("t1")};
    const std::string* text = &(*before->tasks.find(key))->legacy_json();
    framework().tasks[TaskId("t2")].info = make_task("t2");
    apply_task("t2");
    const auto after = builder_.publish();
    EXPECT_EQ(&(*after->tasks.find(key))->legacy_json(), text);
    EXPECT_EQ(after->tasks.size(), 2U);
    EXPECT_EQ(before->tasks.size(), 1U);
}

TEST_F(SnapshotBuilderTest, FollowsTasksThroughTheirLists) {
    framework().tasks[TaskId("t")].info = make_task("t");
    apply_task("t");
    framework().tasks.clear();
    framework().unreachable_tasks[TaskId("t")] = make_task("t");
    apply_task("t");
    auto snapshot = builder_.publish();
    EXPECT_TRUE(snapshot->tasks.empty());
    EXPECT_EQ(snapshot->unreachable_tasks.size(), 1U);

    framework().unreachable_tasks.clear();
    framework().completed_tasks.push_back(make_task("t"));
    apply_task("t");
    snapshot = builder_.publish();
    EXPECT_TRUE(snapshot->unreachable_tasks.empty());
    EXPECT_THAT(names(*(*snapshot->frameworks.find(fid_))->completed_tasks), ElementsAre("t"));
}

TEST_F(SnapshotBuilderTest, CompletedTasksGrowAtTheEndAndAreCutAtTheFront) {
    auto& completed = framework().completed_tasks;
    for (const char* id : {"1", "2", "3"}) completed.push_back(make_task(id));
    apply_task("3");
    const auto before = *(*builder_.publish()->frameworks.find(fid_))->completed_tasks;
    completed.pop_front();
    completed.push_back(make_task("4"));
    apply_task("4");
    const auto after = *(*builder_.publish()->frameworks.find(fid_))->completed_tasks;
    EXPECT_THAT(names(after), ElementsAre("2", "3", "4"));
    EXPECT_EQ(after[0], before[1]);
    // Nothing in common any more.
    completed = {make_task("7"), make_task("8")};
    apply_task("8");
    EXPECT_THAT(names(*(*builder_.publish()->frameworks.find(fid_))->completed_tasks),
                ElementsAre("7", "8"));
}

TEST_F(SnapshotBuilderTest, AnEndedFrameworkTakesItsTasksAndOffersAlong) {
    framework().tasks[TaskId("t")].info = make_task("t");
    apply_task("t");
    Offer offer;
    offer.framework = fid_;
    offer.info = std::make_shared<const mesos::v1::Offer>();
    state_.offers.emplace(OfferId("o"), offer);
    Changes changes;
    changes.offers.insert(OfferId("o"));
    builder_.apply(state_, changes);
    EXPECT_EQ(builder_.publish()->offers.size(), 1U);

    auto ended = std::make_shared<CompletedFramework>();
    ended->info = framework().info;
    ended->completed_tasks.push_back(make_task("t"));
    state_.completed_frameworks.push_back(ended);
    state_.frameworks.clear();
    state_.offers.clear();
    changes = {};
    changes.frameworks.insert(fid_);
    changes.completed_frameworks = true;
    builder_.apply(state_, changes);
    const auto snapshot = builder_.publish();
    EXPECT_TRUE(snapshot->frameworks.empty());
    EXPECT_TRUE(snapshot->tasks.empty());
    EXPECT_TRUE(snapshot->offers.empty());
    ASSERT_EQ(snapshot->completed_frameworks->size(), 1U);
    EXPECT_THAT(names(*snapshot->completed_frameworks->front()->completed_tasks), ElementsAre("t"));
}

TEST_F(SnapshotBuilderTest, ABodyIsRenderedOnceASnapshot) {
    const auto snapshot = builder_.publish();
    int rendered = 0;
    const auto render = [&] { return std::to_string(++rendered); };
    const auto first = snapshot->body("x", render);
    EXPECT_EQ(snapshot->body("x", render), first);
    EXPECT_EQ(*snapshot->body("y", render), "2");
}

}  // namespace
}  // namespace tepui::master
