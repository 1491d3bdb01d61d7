#include "agent/core/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core_testing.h"
#include "agent/core/volumes.h"

namespace tepui::agent::testing {
namespace {

namespace v1 = mesos::v1;
using ::testing::HasSubstr;
using Operation = v1::Offer::Operation;

v1::Resource resource(const std::string& name, double amount, bool reserved = true) {
    v1::Resource made;
    made.set_name(name);
    made.set_type(v1::Value::SCALAR);
    made.mutable_scalar()->set_value(amount);
    if (!reserved) return made;
    auto& reservation = *made.add_reservations();
    reservation.set_type(v1::Resource::ReservationInfo::DYNAMIC);
    reservation.set_role("team/db");
    return made;
}

v1::Resource volume(const std::string& id = "data", double amount = 100) {
    v1::Resource made = resource("disk", amount);
    made.mutable_disk()->mutable_persistence()->set_id(id);
    made.mutable_disk()->mutable_volume()->set_mode(v1::Volume::RW);
    made.mutable_disk()->mutable_volume()->set_container_path("d");
    return made;
}

Operation reserve(const v1::Resource& what) {
    Operation operation;
    operation.set_type(Operation::RESERVE);
    *operation.mutable_reserve()->add_resources() = what;
    return operation;
}
Operation unreserve(const v1::Resource& what) {
    Operation operation;
    operation.set_type(Operation::UNRESERVE);
    *operation.mutable_unreserve()->add_resources() = what;
    return operation;
}
Operation create(const v1::Resource& what) {
    Operation operation;
    operation.set_type(Operation::CREATE);
    *operation.mutable_create()->add_volumes() = what;
    return operation;
}
Operation destroy(const v1::Resource& what) {
    Operation operation;
    operation.set_type(Operation::DESTROY);
    *operation.mutable_destroy()->add_volumes() = what;
    return operation;
}

class Operations : public ::testing::Test {
protected:
    Operations() {
        *world.config.info.add_resources() = resource("cpus", 4, false);
        *world.config.info.add_resources() = resource("disk", 1000, false);
        world.start();
    }

    static std::string uuid(char name) { return std::string(16, name); }

    void apply(char name, const Operation& operation) {
        link::ToAgent frame;
        auto& order = *frame.mutable_apply_operation();
        order.mutable_framework_id()->set_value("f1");
        *order.mutable_operation() = operation;
        order.set_operation_uuid(uuid(name));
        world.send(std::move(frame));
    }

    std::vector<v1::OperationStatus> heard(char name) const {
        std::vector<v1::OperationStatus> statuses;
        for (const auto& frame : world.sent) {
            if (frame.has_operation_update() &&
                frame.operation_update().operation_uuid() == uuid(name)) {
                statuses.push_back(frame.operation_update().status());
            }
        }
        return statuses;
    }

    void acknowledge(char name) {
        link::ToAgent frame;
        frame.mutable_acknowledge_operation()->set_operation_uuid(uuid(name));
        frame.mutable_acknowledge_operation()->set_status_uuid(heard(name).back().uuid().value());
        world.send(std::move(frame));
    }

    void restart() {
        world.crash();
        world.sent.clear();
        world.start();
    }

    const link::ReregisterAgent& registration() const {
        for (auto it = world.sent.rbegin(); it != world.sent.rend(); ++it) {
            if (it->has_reregister_agent()) return it->reregister_agent();
        }
        throw std::runtime_error("it did not register again");
    }

    v1::TaskInfo task_with(const v1::Resource& what, const std::string& id = "t") {
        v1::TaskInfo task = task_info(id);
        v1::Resource& mine = *task.add_resources();
        mine = what;
        mine.mutable_allocation_info()->set_role("team/db");
        return task;
    }

    World world;
};

TEST_F(Operations, IsStoredBeforeItIsToldAndToldUntilItIsAcknowledged) {
    world.store_answers = false;
    apply('a', reserve(resource("cpus", 1)));
    EXPECT_TRUE(heard('a').empty());
    world.write_all();
    ASSERT_EQ(heard('a').size(), 1U);
    EXPECT_EQ(heard('a')[0].state(), v1::OPERATION_FINISHED);
    EXPECT_TRUE(world.disk.contains("kept"));
    EXPECT_EQ(heard('a')[0].converted_resources_size(), 1);
    world.advance(10s);
    EXPECT_EQ(heard('a').size(), 2U);
    world.advance(19s);
    EXPECT_EQ(heard('a').size(), 2U);
    world.advance(1s);
    EXPECT_EQ(heard('a').size(), 3U);
    acknowledge('a');
    world.write_all();
    world.advance(1h);
    EXPECT_EQ(heard('a').size(), 3U);
    EXPECT_TRUE(world.core->state().operations.empty());
    EXPECT_EQ(world.count_sent(link::ToMaster::kCheckpointedResources), 0);
}

TEST_F(Operations, TheSameUuidCountsOnce) {
    apply('a', reserve(resource("cpus", 1)));
    apply('a', reserve(resource("cpus", 1)));
    EXPECT_EQ(world.core->state().kept.scalar("cpus").to_double(), 1);
    EXPECT_EQ(heard('a').size(), 2U);
    acknowledge('a');
    apply('a', reserve(resource("cpus", 1)));
    EXPECT_EQ(world.core->state().kept.scalar("cpus").to_double(), 1);
}

TEST_F(Operations, AFailureSaysWhatIsReallyKept) {
    apply('a', reserve(resource("cpus", 1)));
    apply('b', unreserve(resource("cpus", 3)));
    ASSERT_EQ(heard('b').size(), 1U);
    EXPECT_EQ(heard('b')[0].state(), v1::OPERATION_FAILED);
    EXPECT_THAT(heard('b')[0].message(), HasSubstr("cpus"));
    ASSERT_EQ(world.count_sent(link::ToMaster::kCheckpointedResources), 1);
    // What was on its way with the bad news is told with them too.
    apply('c', reserve(resource("cpus", 1)));
    ASSERT_EQ(world.count_sent(link::ToMaster::kCheckpointedResources), 2);
    const auto& last = *std::find_if(world.sent.rbegin(), world.sent.rend(), [](const auto& each) {
        return each.has_checkpointed_resources();
    });
    EXPECT_EQ(
        Resources::parse(last.checkpointed_resources().resources())->scalar("cpus").to_double(), 2);
}

TEST_F(Operations, SurvivesARestart) {
    apply('a', reserve(resource("disk", 300)));
    apply('b', create(volume()));
    acknowledge('a');
    restart();
    const auto& message = registration();
    EXPECT_EQ(message.checkpointed_resources_size(), 2);
    ASSERT_EQ(message.operations_size(), 1);
    EXPECT_EQ(message.operations(0).uuid().value(), uuid('b'));
    EXPECT_EQ(message.operations(0).latest_status().state(), v1::OPERATION_FINISHED);
    EXPECT_FALSE(heard('b').empty());
    EXPECT_FALSE(world.volumes_made.back().fresh) << "its data stay";
}

TEST_F(Operations, AnyCrashLeavesOneOfTwoStatesAndTheEndIsTold) {
    apply('a', reserve(resource("disk", 300)));
    acknowledge('a');
    for (int effect = 0; effect < 12; ++effect) {
        world.crash_before_effect = effect;
        const char name = static_cast<char>('b' + effect);
        apply(name, create(volume("v" + std::to_string(effect))));
        world.crash_before_effect.reset();
        if (world.alive()) world.crash();
        world.start();
        const bool kept =
            not_kept(world.core->state(),
                     task_with(volume("v" + std::to_string(effect))).resources()) == std::nullopt;
        const bool told = !heard(name).empty();
        EXPECT_EQ(kept, told) << "crash before effect " << effect;
        if (!kept) continue;
        EXPECT_EQ(heard(name).back().state(), v1::OPERATION_FINISHED);
        acknowledge(name);
        apply('z', destroy(volume("v" + std::to_string(effect))));
        acknowledge('z');
        restart();  // Forgets which uuids were seen.
    }
}

TEST_F(Operations, AVolumeThatCannotBeMadeIsTakenBack) {
    apply('a', reserve(resource("disk", 300)));
    world.volume_error = Error{Errc::io, "no space left"};
    apply('b', create(volume()));
    ASSERT_EQ(heard('b').size(), 1U);
    EXPECT_EQ(heard('b')[0].state(), v1::OPERATION_FAILED);
    EXPECT_THAT(heard('b')[0].message(), HasSubstr("no space"));
    EXPECT_EQ(world.core->state().kept.persistent_volumes().size(), 0U);
    EXPECT_EQ(world.core->state().kept.scalar("disk").to_double(), 300);
}

TEST_F(Operations, ATaskRunsOnlyOnWhatIsKept) {
    world.run(framework_info("f1"), task_with(resource("cpus", 1)));
    ASSERT_EQ(world.states("t"), std::vector{v1::TASK_DROPPED});
    EXPECT_EQ(world.updates("t")[0].reason(), v1::TaskStatus::REASON_RESOURCES_UNKNOWN);
    EXPECT_EQ(world.launches(), 0);
    apply('a', reserve(resource("cpus", 1)));
    world.run(framework_info("f1"), task_with(resource("cpus", 1), "u"));
    EXPECT_EQ(world.launches(), 1);
}

TEST_F(Operations, ATaskWaitsForItsVolume) {
    apply('a', reserve(resource("disk", 300)));
    world.store_answers = false;
    apply('b', create(volume()));
    world.run(framework_info("f1", /*checkpoint=*/false), task_with(volume()));
    EXPECT_EQ(world.launches(), 0);
    world.write_one();
    EXPECT_EQ(world.volumes_made.size(), 1U);
    world.write_all();
    EXPECT_EQ(world.launches(), 1);
}

TEST_F(Operations, AVolumeInUseIsNotDestroyed) {
    apply('a', reserve(resource("disk", 300)));
    apply('b', create(volume()));
    world.run(framework_info("f1"), task_with(volume()));
    apply('c', destroy(volume()));
    EXPECT_EQ(heard('c').back().state(), v1::OPERATION_FAILED);
    EXPECT_TRUE(world.volumes_removed.empty());
    world.exit_task("t", exited(0));
    apply('d', destroy(volume()));
    EXPECT_EQ(heard('d').back().state(), v1::OPERATION_FINISHED);
    EXPECT_EQ(world.volumes_removed.size(), 1U);
}

TEST_F(Operations, AnAgentWithLessThanItKeepsDoesNotStart) {
    apply('a', reserve(resource("disk", 300)));
    world.crash();
    world.machine_booted = true;
    world.config.info.mutable_resources()->RemoveLast();
    world.start_offline();
    ASSERT_TRUE(world.ended);
    EXPECT_THAT(*world.ended, HasSubstr("--resources"));
}

TEST_F(Operations, ANewAgentOfTheMachineKeepsWhatTheOldOneKept) {
    apply('a', reserve(resource("disk", 300)));
    world.crash();
    world.disk.erase("identity");
    world.sent.clear();
    world.start();
    EXPECT_EQ(world.count_sent(link::ToMaster::kRegisterAgent), 1);
    EXPECT_EQ(world.count_sent(link::ToMaster::kCheckpointedResources), 1);
    EXPECT_EQ(world.count_sent(link::ToMaster::kOperationUpdate), 0) << "nobody waits for it";
}

TEST(VolumePath, IsWhereMesosHasIt) {
    EXPECT_EQ(volume_path("/w", volume()), "/w/volumes/roles/team db/data");
    v1::Resource path = volume();
    auto& source = *path.mutable_disk()->mutable_source();
    source.set_type(v1::Resource::DiskInfo::Source::PATH);
    source.mutable_path()->set_root("/disk");
    EXPECT_EQ(volume_path("/w", path), "/disk/volumes/roles/team db/data");
    source.mutable_path()->set_root("disk");
    EXPECT_EQ(volume_path("/w", path), "/w/disk/volumes/roles/team db/data");
    source.set_type(v1::Resource::DiskInfo::Source::MOUNT);
    source.mutable_mount()->set_root("/mnt/x");
    EXPECT_EQ(volume_path("/w", path), "/mnt/x");
}

}  // namespace
}  // namespace tepui::agent::testing
