#include "cli/view/sharing.h"
#include "cli/view/priorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resources/resources.h"

namespace tepui::cli {
namespace {

using mesos::v1::master::Call;
using mesos::v1::master::Response;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Resources resources(const std::string& text) {
    const auto parsed = Resources::parse_flag(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(Resources{});
}

mesos::v1::Resource::ReservationInfo reservation(const std::string& role,
                                                 const std::string& principal = "") {
    mesos::v1::Resource::ReservationInfo info;
    info.set_type(mesos::v1::Resource::ReservationInfo::DYNAMIC);
    info.set_role(role);
    if (!principal.empty()) info.set_principal(principal);
    return info;
}

AgentAnswer agent_with(const Resources& total, const Resources& used = {}) {
    AgentAnswer agent;
    agent.mutable_agent_info()->mutable_id()->set_value("S1");
    agent.mutable_agent_info()->set_hostname("box");
    *agent.mutable_total_resources() = total.to_proto_endpoint();
    *agent.mutable_allocated_resources() = used.to_proto_endpoint();
    return agent;
}

Resources read(const google::protobuf::RepeatedPtrField<mesos::v1::Resource>& list) {
    const auto parsed = Resources::parse(list);
    EXPECT_TRUE(parsed);
    return parsed.value_or(Resources{});
}

Response quota_answer(const std::string& role, double guarantee, double limit) {
    Response answer;
    auto& config = *answer.mutable_get_quota()->mutable_status()->add_configs();
    config.set_role(role);
    (*config.mutable_guarantees())["cpus"].set_value(guarantee);
    if (limit > 0) (*config.mutable_limits())["cpus"].set_value(limit);
    return answer;
}

Response agents_answer(const Resources& total) {
    Response answer;
    *answer.mutable_get_agents()->add_agents() = agent_with(total);
    return answer;
}

TEST(PriorityPlans, NameWhoWillHaveToGiveWay) {
    Response tasks;
    for (const char* role : {"batch/x", "batch", "prod", "test"}) {
        auto& task = *tasks.mutable_get_tasks()->add_tasks();
        task.add_resources()->mutable_allocation_info()->set_role(role);
    }
    tasks.mutable_get_tasks()->add_tasks();  // Has nothing to give back.
    const Priorities now{{"test", -1}};
    const auto wanted = parse_priority_words({"prod=10", "test=-5"});
    ASSERT_TRUE(wanted);
    EXPECT_EQ(priorities_body(*wanted), R"({"prod":10,"test":-5})");
    const PriorityPlan plan = plan_priorities(now, *wanted, tasks);
    EXPECT_THAT(plan.lines, ElementsAre("prod: priority 0 -> 10", "test: priority -1 -> -5"));
    // That test is below prod is so already.
    EXPECT_THAT(plan.warnings, ElementsAre("2 tasks of role batch may be displaced by role prod"));
    for (const char* bad : {"prod", "=1", "prod=", "prod=x", "prod=1.5", "prod=99999999999"}) {
        EXPECT_FALSE(parse_priority_words({bad})) << bad;
    }
    const auto removed = removed_priorities(now, {"test"});
    ASSERT_TRUE(removed);
    EXPECT_EQ(removed->at("test"), 0);
    EXPECT_EQ(removed_priorities(now, {"prod"}).error().code, Errc::not_found);
    EXPECT_EQ(parse_priorities(R"({"a":-3})")->at("a"), -3);
    EXPECT_FALSE(parse_priorities("[]"));
}

TEST(SharingPlans, WeightsSayBeforeAndAfter) {
    Response weights;
    auto& info = *weights.mutable_get_weights()->add_weight_infos();
    info.set_role("prod");
    info.set_weight(2.5);
    const auto change = plan_weights(weights, {"prod=4", "test=0.5"});
    ASSERT_TRUE(change);
    EXPECT_THAT(change->lines, ElementsAre("prod: weight 2.5 -> 4", "test: weight 1 -> 0.5"));
    ASSERT_EQ(change->call.update_weights().weight_infos_size(), 2);
    EXPECT_EQ(change->call.update_weights().weight_infos(1).weight(), 0.5);
    for (const std::string bad :
         {"prod", "=3", "prod=", "prod=0", "prod=-1", "prod=inf", "prod=2x"})
        EXPECT_FALSE(plan_weights(weights, {bad})) << bad;
}

TEST(SharingPlans, AmountsArePlainScalars) {
    const auto amounts = parse_amounts("cpus:4;mem:1536");
    ASSERT_TRUE(amounts);
    EXPECT_EQ(amounts_text(*amounts), "cpus 4, mem 1.5GB");
    EXPECT_TRUE(parse_amounts("")->empty());
    EXPECT_EQ(amounts_text({}), "none");
    EXPECT_FALSE(parse_amounts("ports:[1-2]"));
    EXPECT_FALSE(parse_amounts("cpus(prod):1"));
    EXPECT_FALSE(parse_amounts("cpus"));
}

TEST(SharingPlans, AQuotaKeepsWhatIsNotGiven) {
    const Response quotas = quota_answer("prod", 2, 8);
    QuotaWish wish{"prod", parse_amounts("cpus:4").value(), std::nullopt, false};
    const auto change = plan_quota(quotas, agents_answer(resources("cpus:16")), wish);
    ASSERT_TRUE(change);
    EXPECT_THAT(change->lines,
                ElementsAre("prod: guarantee cpus 2 -> cpus 4", "prod: limit cpus 8 -> cpus 8"));
    EXPECT_THAT(change->warnings, IsEmpty());
    const auto& config = change->call.update_quota().quota_configs(0);
    EXPECT_EQ(config.guarantees().at("cpus").value(), 4);
    EXPECT_EQ(config.limits().at("cpus").value(), 8);
    EXPECT_FALSE(change->call.update_quota().force());

    wish.guarantee = parse_amounts("cpus:9").value();
    const auto beyond = plan_quota(quotas, agents_answer(resources("cpus:16")), wish);
    ASSERT_FALSE(beyond);
    EXPECT_THAT(beyond.error().text, HasSubstr("more than its limit of 8"));
}

TEST(SharingPlans, AQuotaWarnsOfWhatTheClusterLacks) {
    const QuotaWish wish{"test", parse_amounts("cpus:3").value(), std::nullopt, true};
    const auto change =
        plan_quota(quota_answer("prod", 2, 0), agents_answer(resources("cpus:4")), wish);
    ASSERT_TRUE(change);
    EXPECT_THAT(change->warnings,
                ElementsAre("guarantees of all roles will be cpus 5, the cluster has 4"));
    EXPECT_TRUE(change->call.update_quota().force());
}

TEST(SharingPlans, RemovingAQuotaThatIsNotThere) {
    const Response quotas = quota_answer("prod", 2, 8);
    const auto change = plan_quota_removal(quotas, {"prod"});
    ASSERT_TRUE(change);
    EXPECT_TRUE(change->call.update_quota().quota_configs(0).guarantees().empty());
    EXPECT_EQ(plan_quota_removal(quotas, {"prod", "x"}).error().code, Errc::not_found);
    Response emptied;
    emptied.mutable_get_quota()->mutable_status()->add_configs()->set_role("prod");
    EXPECT_EQ(plan_quota_removal(emptied, {"prod"}).error().code, Errc::not_found);
}

TEST(SharingPlans, ReservesWhatIsFree) {
    const auto agent = agent_with(resources("cpus:4;mem:1024;ports:[1-10]"), resources("cpus:3"));
    ReservationWish wish{"prod", "ops", {"why=test"}, resources("cpus:1;ports:[3-4]")};
    const auto change = plan_reservation(agent, wish);
    ASSERT_TRUE(change) << change.error().text;
    EXPECT_EQ(change->call.type(), Call::RESERVE_RESOURCES);
    const auto& call = change->call.reserve_resources();
    EXPECT_EQ(call.agent_id().value(), "S1");
    auto info = reservation("prod", "ops");
    auto& label = *info.mutable_labels()->add_labels();
    label.set_key("why");
    label.set_value("test");
    EXPECT_EQ(read(call.resources()), resources("cpus:1;ports:[3-4]").push_reservation(info));

    wish.resources = resources("cpus:2");  // Three of the four are in use.
    EXPECT_EQ(plan_reservation(agent, wish).error().code, Errc::conflict);
    wish.role = "*";
    EXPECT_EQ(plan_reservation(agent, wish).error().code, Errc::invalid_argument);
}

TEST(SharingPlans, ARoleBelowTakesFromTheOneAboveFirst) {
    const Resources of_prod = resources("cpus:2").push_reservation(reservation("prod"));
    const auto agent = agent_with(resources("cpus:2") + of_prod);
    ReservationWish wish{"prod/web", {}, {}, resources("cpus:1")};
    const auto from_above = plan_reservation(agent, wish);
    ASSERT_TRUE(from_above);
    EXPECT_EQ(from_above->call.reserve_resources().resources(0).reservations_size(), 2);
    EXPECT_THAT(from_above->lines, ElementsAre("box: cpus 1 of prod -> prod/web"));
    wish.role = "test/web";
    const auto from_nobody = plan_reservation(agent, wish);
    ASSERT_TRUE(from_nobody);
    EXPECT_EQ(from_nobody->call.reserve_resources().resources(0).reservations_size(), 1);
}

TEST(SharingPlans, GivesBackDynamicReservationsOnly) {
    const Resources ours = resources("cpus:1").push_reservation(reservation("prod", "a")) +
                           resources("cpus:2").push_reservation(reservation("prod", "b"));
    const auto agent = agent_with(resources("cpus:4;cpus(prod):1") + ours);
    const auto all = plan_unreservation(agent, {"prod", {}, {}, std::nullopt});
    ASSERT_TRUE(all) << all.error().text;
    EXPECT_EQ(read(all->call.unreserve_resources().resources()), ours);
    const auto most = plan_unreservation(agent, {"prod", {}, {}, resources("cpus:2.5")});
    ASSERT_TRUE(most) << most.error().text;
    EXPECT_EQ(read(most->call.unreserve_resources().resources()).scalar("cpus").milli, 2500);
    EXPECT_EQ(plan_unreservation(agent, {"prod", {}, {}, resources("cpus:4")}).error().code,
              Errc::conflict);
    EXPECT_EQ(plan_unreservation(agent, {"test", {}, {}, std::nullopt}).error().code,
              Errc::not_found);
}

TEST(SharingPlans, AVolumeFromItsDiskAndBack) {
    const Resources disk = resources("disk:1024").push_reservation(reservation("db", "ops"));
    VolumeWish wish;
    wish.role = "db";
    wish.id = "orders";
    wish.megabytes = Quantity{512'000};
    const auto created = plan_volume(agent_with(disk), wish);
    ASSERT_TRUE(created) << created.error().text;
    const auto& volume = created->call.create_volumes().volumes(0);
    EXPECT_EQ(volume.disk().persistence().id(), "orders");
    EXPECT_EQ(volume.disk().volume().container_path(), "data");
    EXPECT_EQ(volume.scalar().value(), 512);
    EXPECT_EQ(volume.reservations(0).principal(), "ops");

    const auto agent = agent_with(resources("disk:512").push_reservation(reservation("db", "ops")) +
                                  read(created->call.create_volumes().volumes()));
    EXPECT_EQ(plan_volume(agent, wish).error().code, Errc::conflict);
    const auto grown = plan_volume_growth(agent, "orders", Quantity{100'000});
    ASSERT_TRUE(grown) << grown.error().text;
    EXPECT_FALSE(grown->call.grow_volume().addition().has_disk());
    EXPECT_THAT(grown->lines, ElementsAre("box: volume orders 512MB -> 612MB"));
    EXPECT_EQ(plan_volume_growth(agent, "orders", Quantity{513'000}).error().code, Errc::conflict);
    const auto shrunk = plan_volume_shrinkage(agent, "orders", Quantity{12'000});
    ASSERT_TRUE(shrunk);
    EXPECT_EQ(shrunk->call.shrink_volume().subtract().value(), 12);
    EXPECT_FALSE(plan_volume_shrinkage(agent, "orders", Quantity{512'000}));
    const auto destroyed = plan_volume_removal(agent, "orders");
    ASSERT_TRUE(destroyed);
    EXPECT_EQ(read(destroyed->call.destroy_volumes().volumes()),
              read(created->call.create_volumes().volumes()));
    EXPECT_EQ(plan_volume_removal(agent, "other").error().code, Errc::not_found);
}

TEST(SharingPlans, Machines) {
    EXPECT_EQ(parse_machine("box")->hostname(), "box");
    EXPECT_FALSE(parse_machine("box")->has_ip());
    EXPECT_EQ(parse_machine("10.0.0.1")->ip(), "10.0.0.1");
    EXPECT_FALSE(parse_machine("10.0.0.1")->has_hostname());
    EXPECT_EQ(machine_text(*parse_machine("box/10.0.0.1")), "box/10.0.0.1");
    for (const std::string bad : {"", "/10.0.0.1", "box/", "box/other"})
        EXPECT_FALSE(parse_machine(bad)) << bad;
}

TEST(SharingPlans, AScheduleGrowsAndShrinksByWindows) {
    const auto first = plan_maintenance(Response{}, {"a", "b"}, 1'000'000'000, 60'000'000'000);
    ASSERT_TRUE(first);
    Response now;
    *now.mutable_get_maintenance_schedule()->mutable_schedule() =
        first->call.update_maintenance_schedule().schedule();
    EXPECT_EQ(plan_maintenance(now, {"a"}, 5, {}).error().code, Errc::conflict);
    const auto second = plan_maintenance(now, {"c"}, 2'000'000'000, std::nullopt);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->call.update_maintenance_schedule().schedule().windows_size(), 2);
    EXPECT_THAT(second->lines, ElementsAre("c: away from 1970-01-01T00:00:02Z without end"));

    const auto fewer = plan_maintenance_removal(now, {"a"});
    ASSERT_TRUE(fewer);
    const auto& left = fewer->call.update_maintenance_schedule().schedule();
    ASSERT_EQ(left.windows_size(), 1);
    EXPECT_EQ(left.windows(0).machine_ids(0).hostname(), "b");
    const auto none = plan_maintenance_removal(now, {"a", "b"});
    ASSERT_TRUE(none);
    EXPECT_EQ(none->call.update_maintenance_schedule().schedule().windows_size(), 0);
    EXPECT_EQ(plan_maintenance_removal(now, {"z"}).error().code, Errc::not_found);
}

TEST(SharingPlans, StartTimes) {
    EXPECT_EQ(parse_start("now", 5).value(), 5'000'000'000);
    EXPECT_EQ(parse_start("in 2mins", 5).value(), 125'000'000'000);
    EXPECT_EQ(parse_start("1970-01-01T00:01:00Z", 5).value(), 60'000'000'000);
    EXPECT_EQ(parse_start("2026-01-31T12:00:00Z", 0).value(), 1'769'860'800'000'000'000);
    for (const std::string bad : {"", "soon", "in", "in two", "2026-01-31", "2026-01-31T12:00:00"})
        EXPECT_FALSE(parse_start(bad, 0)) << bad;
}

}  // namespace
}  // namespace tepui::cli
