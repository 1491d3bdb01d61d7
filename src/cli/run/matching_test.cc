#include "cli/run/matching.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cli/client/find_task.h"
#include "cli/run/exit_status.h"
#include "resources/task_state.h"

namespace tepui::cli {
namespace {

mesos::v1::Resource scalar(const std::string& name, double value,
                           const std::string& reserved_for = "") {
    mesos::v1::Resource resource;
    resource.set_name(name);
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(value);
    if (!reserved_for.empty()) {
        auto* reservation = resource.add_reservations();
        reservation->set_type(mesos::v1::Resource::ReservationInfo::DYNAMIC);
        reservation->set_role(reserved_for);
    }
    return resource;
}

mesos::v1::Offer offer(const std::string& id, std::vector<mesos::v1::Resource> resources) {
    mesos::v1::Offer offer;
    offer.mutable_id()->set_value(id);
    offer.mutable_agent_id()->set_value("agent-" + id);
    offer.mutable_framework_id()->set_value("f");
    offer.set_hostname("host-" + id);
    offer.mutable_allocation_info()->set_role("web");
    for (auto& resource : resources) *offer.add_resources() = std::move(resource);
    return offer;
}

Needs needs(double cpus, double mem) {
    return {{"cpus", Quantity::from_double(cpus)}, {"mem", Quantity::from_double(mem)}};
}

TEST(Matching, SpreadsInstancesOverOffers) {
    const std::vector<mesos::v1::Offer> offers = {
        offer("a", {scalar("cpus", 4), scalar("mem", 400)}),
        offer("b", {scalar("cpus", 1), scalar("mem", 100)})};
    const Match matched = match(offers, needs(1, 100), 3);
    ASSERT_EQ(matched.placements.size(), 2U);
    EXPECT_EQ(matched.placements[0].instances.size(), 2U);
    EXPECT_EQ(matched.placements[1].instances.size(), 1U);
    EXPECT_TRUE(matched.unused.empty());
    EXPECT_FALSE(matched.nearest);
}

TEST(Matching, ThousandthsAddUpExactly) {
    const std::vector<mesos::v1::Offer> offers = {
        offer("a", {scalar("cpus", 0.3), scalar("mem", 300)})};
    EXPECT_EQ(match(offers, needs(0.1, 100), 9).placements.at(0).instances.size(), 3U);
}

TEST(Matching, TakesReservedFirstAndKeepsIdentity) {
    const std::vector<mesos::v1::Offer> offers = {
        offer("a", {scalar("cpus", 4), scalar("cpus", 1, "web"), scalar("mem", 100)})};
    const Match matched = match(offers, needs(1.5, 100), 1);
    const auto& taken = matched.placements.at(0).instances.at(0);
    ASSERT_EQ(taken.size(), 3);
    EXPECT_EQ(taken[0].reservations_size(), 1);
    EXPECT_EQ(taken[0].scalar().value(), 1.0);
    EXPECT_EQ(taken[1].reservations_size(), 0);
    EXPECT_EQ(taken[1].scalar().value(), 0.5);
    for (const auto& resource : taken) EXPECT_EQ(resource.allocation_info().role(), "web");
}

TEST(Matching, NeverTakesRevocableSharedOrVolumes) {
    auto revocable = scalar("cpus", 8);
    revocable.mutable_revocable();
    auto volume = scalar("disk", 800);
    volume.mutable_disk()->mutable_persistence()->set_id("v");
    auto shared = scalar("mem", 800);
    shared.mutable_shared();
    const std::vector<mesos::v1::Offer> offers = {offer("a", {revocable, volume, shared})};
    for (const std::string name : {"cpus", "disk", "mem"}) {
        const Match matched = match(offers, {{name, Quantity{1000}}}, 1);
        EXPECT_TRUE(matched.placements.empty()) << name;
        ASSERT_TRUE(matched.nearest);
        EXPECT_EQ(matched.nearest->shortfalls.at(0),
                  (Shortfall{name, Quantity{1000}, Quantity{0}}));
    }
}

TEST(Matching, NearestMissLacksLeast) {
    const std::vector<mesos::v1::Offer> offers = {
        offer("both-short", {scalar("cpus", 3.9), scalar("mem", 99)}),
        offer("far", {scalar("cpus", 1), scalar("mem", 500)}),
        offer("near", {scalar("cpus", 3), scalar("mem", 500)}),
    };
    const Match matched = match(offers, needs(4, 100), 1);
    EXPECT_THAT(matched.unused, testing::ElementsAre(0, 1, 2));
    ASSERT_TRUE(matched.nearest);
    EXPECT_EQ(to_string(*matched.nearest), "host-near has cpus 3 of 4");
}

TEST(Matching, NothingWantedUsesNothing) {
    const std::vector<mesos::v1::Offer> offers = {
        offer("a", {scalar("cpus", 4), scalar("mem", 400)})};
    const Match matched = match(offers, needs(1, 1), 0);
    EXPECT_TRUE(matched.placements.empty());
    EXPECT_THAT(matched.unused, testing::ElementsAre(0));
    EXPECT_FALSE(matched.nearest);
}

RC_GTEST_PROP(Matching, NeverTakesMoreThanOffered, ()) {
    const auto amounts = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 9000), rc::gen::inRange(0, 9000)));
    const auto wanted = *rc::gen::inRange(1, 3000);
    const auto instances = *rc::gen::inRange<std::size_t>(0, 30);
    std::vector<mesos::v1::Offer> offers;
    for (const auto& [first, second] : amounts) {
        offers.push_back(
            offer("x", {scalar("cpus", first / 1000.0), scalar("cpus", second / 1000.0, "web")}));
    }
    const Match matched = match(offers, {{"cpus", Quantity{wanted}}}, instances);
    std::size_t placed = 0;
    for (const Placement& placement : matched.placements) {
        std::int64_t taken = 0;
        for (const auto& resources : placement.instances) {
            const auto one = Quantity::from_double(scalar_sum(resources, "cpus"));
            RC_ASSERT(one.milli == wanted);
            taken += one.milli;
            ++placed;
        }
        RC_ASSERT(taken <= amounts[placement.offer].first + amounts[placement.offer].second);
    }
    RC_ASSERT(placed <= instances);
    RC_ASSERT(matched.placements.size() + matched.unused.size() == offers.size());
}

mesos::v1::TaskStatus status(mesos::v1::TaskState state, const std::string& message) {
    mesos::v1::TaskStatus status;
    status.set_state(state);
    status.set_message(message);
    return status;
}

TEST(ExitStatus, OfTable) {
    struct Case {
        mesos::v1::TaskState state;
        std::string message;
        int code;
    };
    const std::vector<Case> cases = {
        {mesos::v1::TASK_FINISHED, "Command exited with status 0", 0},
        {mesos::v1::TASK_FINISHED, "", 0},
        {mesos::v1::TASK_FAILED, "Command exited with status 3", 3},
        {mesos::v1::TASK_FAILED, "Command exited with status 255", 255},
        {mesos::v1::TASK_FAILED, "Command exited with status 99999", 1},
        {mesos::v1::TASK_FAILED, "Command terminated with signal Killed", 137},
        {mesos::v1::TASK_FAILED, "Command terminated with signal Segmentation fault (core dumped)",
         139},
        {mesos::v1::TASK_FAILED, "Command terminated with signal SIGTERM", 143},
        {mesos::v1::TASK_KILLED, "Command terminated with signal Terminated", 143},
        {mesos::v1::TASK_KILLED, "", 143},
        {mesos::v1::TASK_FAILED, "Failed to fetch", 1},
        {mesos::v1::TASK_LOST, "", 1},
        {mesos::v1::TASK_ERROR, "bad", 1},
    };
    for (const Case& one : cases)
        EXPECT_EQ(exit_status(status(one.state, one.message)), one.code) << one.message;
    auto memory = status(mesos::v1::TASK_FAILED, "Memory limit exceeded");
    memory.set_reason(mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY);
    EXPECT_EQ(exit_status(memory), 137);
}

TEST(ExitStatus, TerminalStates) {
    for (int number = mesos::v1::TaskState_MIN; number <= mesos::v1::TaskState_MAX; ++number) {
        if (!mesos::v1::TaskState_IsValid(number)) continue;
        const auto state = static_cast<mesos::v1::TaskState>(number);
        const std::set<mesos::v1::TaskState> going_on = {
            mesos::v1::TASK_STAGING, mesos::v1::TASK_STARTING,    mesos::v1::TASK_RUNNING,
            mesos::v1::TASK_KILLING, mesos::v1::TASK_UNREACHABLE, mesos::v1::TASK_UNKNOWN};
        EXPECT_EQ(is_terminal(state), !going_on.contains(state))
            << mesos::v1::TaskState_Name(state);
    }
}

}  // namespace
}  // namespace tepui::cli
