#include "agent/core/oversubscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::framework_info;
using testing::task_info;
using testing::World;
using Status = v1::TaskStatus;

google::protobuf::RepeatedPtrField<v1::Resource> revocable_cpus(double cpus) {
    google::protobuf::RepeatedPtrField<v1::Resource> list;
    v1::Resource& resource = *list.Add();
    resource.set_name("cpus");
    resource.set_type(v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(cpus);
    resource.mutable_revocable();
    return list;
}

v1::TaskInfo revocable_task(const std::string& id) {
    v1::TaskInfo task = task_info(id);
    for (v1::Resource& resource : *task.mutable_resources())
        if (resource.name() == "cpus") resource.mutable_revocable();
    return task;
}

std::vector<double> told(const World& world) {
    std::vector<double> totals;
    for (const link::ToMaster& frame : world.sent)
        if (frame.has_oversubscribed_resources())
            totals.push_back(frame.oversubscribed_resources().resources(0).scalar().value());
    return totals;
}

TEST(Oversubscribed, TheMasterHearsWhatIsNewsAndAllOfItWhenItIsNew) {
    World world;
    world.start();
    world.feed(OversubscriptionEstimated{revocable_cpus(2)});
    world.feed(OversubscriptionEstimated{revocable_cpus(2)});
    EXPECT_THAT(told(world), ElementsAre(2.0));
    world.disconnect();
    world.feed(OversubscriptionEstimated{revocable_cpus(3)});
    EXPECT_THAT(told(world), ElementsAre(2.0)) << "nobody is there to be told";
    world.connect();
    world.advance(1min);  // It waits for a moment before it registers.
    EXPECT_THAT(told(world), ElementsAre(2.0, 3.0));
}

TEST(Oversubscribed, APreemptedTaskIsGoneOrLost) {
    for (const bool aware : {true, false}) {
        World world;
        world.start();
        world.run(framework_info("f1", true, aware, true), revocable_task("t"));
        const auto uses = revocable_uses(world.core->state());
        ASSERT_EQ(uses.size(), 1u);
        world.feed(ContainerPreempted{uses[0].container, "the load is high"});
        EXPECT_EQ(world.states("t").back(), aware ? v1::TASK_GONE : v1::TASK_LOST);
        const v1::TaskStatus last = world.updates("t").back();
        EXPECT_EQ(last.reason(), Status::REASON_CONTAINER_PREEMPTED);
        EXPECT_EQ(last.message(), "Container preempted by QoS correction");
        EXPECT_FALSE(last.has_limitation());
        EXPECT_TRUE(revocable_uses(world.core->state()).empty());
    }
}

TEST(Oversubscribed, FirmTasksAreLeftAlone) {
    World world;
    world.start();
    world.run_task("t");
    EXPECT_TRUE(revocable_uses(world.core->state()).empty());
    const ContainerId container = world.core->state().containers.begin()->first;
    world.feed(ContainerPreempted{container, "a mistake of the controller"});
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING));
    EXPECT_EQ(world.core->state().counters.containers_preempted, 0u);
}

}  // namespace
}  // namespace tepui::agent
