#include "agent/oversubscription.h"

#include <future>

#include <gtest/gtest.h>

namespace tepui::agent {
namespace {

RevocableUse holding(const std::string& container, double cpus) {
    RevocableUse use{ContainerId{container}, {}};
    mesos::v1::Resource& resource = *use.resources.Add();
    resource.set_name("cpus");
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(cpus);
    resource.mutable_revocable();
    return use;
}

TEST(Estimators, FixedSaysWhatItWasTold) {
    const auto made = make_estimator("fixed", {{"resources", "cpus:2;mem:512"}});
    ASSERT_TRUE(made) << made.error().text;
    const Resources total = (*made)->estimate({});
    EXPECT_EQ(total.revocable(), total);
    EXPECT_EQ(total.scalar("cpus").to_double(), 2);
    EXPECT_EQ(total.scalar("mem").to_double(), 512);
    EXPECT_TRUE(
        make_estimator("org_apache_mesos_FixedResourceEstimator", {{"resources", "cpus:1"}}));
}

TEST(Estimators, LoadLeavesWhatIsIdle) {
    const auto made = make_estimator("load", {{"target", "0.75"}});
    ASSERT_TRUE(made) << made.error().text;
    const auto cpus = [&](const MachineUse& use) {
        return (*made)->estimate(use).scalar("cpus").to_double();
    };
    EXPECT_DOUBLE_EQ(cpus({.cores = 8, .load_5min = 2.0, .revocable = {}}), 4.0);
    EXPECT_DOUBLE_EQ(cpus({.cores = 8, .load_5min = 2.04, .revocable = {}}), 3.9)
        << "in whole tenths";
    EXPECT_DOUBLE_EQ(cpus({.cores = 8, .load_5min = 20, .revocable = {}}), 0.0);
    // What is held stays in the sum, though it makes the load.
    EXPECT_DOUBLE_EQ(cpus({.cores = 8, .load_5min = 5, .revocable = {holding("c", 3)}}), 4.0);
    EXPECT_DOUBLE_EQ(cpus({.cores = 8, .load_5min = 20, .revocable = {holding("c", 3)}}), 3.0);
    EXPECT_DOUBLE_EQ(cpus({.cores = 8, .load_5min = 0, .revocable = {holding("c", 7)}}), 8.0)
        << "never more than there are";
}

TEST(Controllers, LoadTakesEveryRevocableContainer) {
    const auto made = make_qos_controller("load", {{"load_threshold_5min", "8"}});
    ASSERT_TRUE(made) << made.error().text;
    const std::vector<RevocableUse> held{holding("a", 1), holding("b", 1)};
    EXPECT_TRUE((*made)->correct({.load_5min = 8, .load_15min = 99, .revocable = held}).empty());
    const auto corrections = (*made)->correct({.load_5min = 8.1, .revocable = held});
    ASSERT_EQ(corrections.size(), 2u);
    EXPECT_EQ(corrections[0].container, ContainerId{"a"});
    EXPECT_NE(corrections[0].why.find("8.10"), std::string::npos);
    const auto longer = make_qos_controller("load", {{"load_threshold_15min", "4"}});
    EXPECT_EQ((*longer)->correct({.load_15min = 5, .revocable = held}).size(), 2u);
}

TEST(Controllers, MistakesAreNamed) {
    const auto text = [](const auto& made) { return made ? "" : made.error().text; };
    EXPECT_NE(text(make_estimator("magic", {})).find("noop, fixed and load"), std::string::npos);
    EXPECT_NE(text(make_estimator("fixed", {})).find("resources"), std::string::npos);
    EXPECT_NE(text(make_estimator("load", {{"x", "1"}})).find("'x'"), std::string::npos);
    EXPECT_NE(text(make_qos_controller("load", {})).find("load_threshold"), std::string::npos);
    EXPECT_NE(text(make_qos_controller("load", {{"load_threshold_5min", "low"}})).find("low"),
              std::string::npos);
    EXPECT_TRUE(make_estimator("noop", {}));
    EXPECT_EQ(*make_qos_controller("noop", {}), nullptr);
}

TEST(Oversubscription, PostsWhatBothSay) {
    OversubscriptionOptions options;
    options.estimate_interval = std::chrono::hours{1};
    std::promise<Event> estimated;
    std::promise<Event> preempted;
    std::vector<std::promise<Event>*> waiting{&estimated, &preempted};
    std::size_t posted = 0;
    {
        Oversubscription asking(
            options, {.estimator = std::move(*make_estimator("fixed", {{"resources", "cpus:2"}})),
                      // A machine that runs this test has some load.
                      .controller = std::move(
                          *make_qos_controller("load", {{"load_threshold_15min", "1e-9"}})),
                      .uses = [] { return std::optional{std::vector{holding("a", 1)}}; },
                      .post =
                          [&](Event event) {
                              if (posted < waiting.size())
                                  waiting[posted++]->set_value(std::move(event));
                          }});
        const Event first = estimated.get_future().get();
        ASSERT_TRUE(std::holds_alternative<OversubscriptionEstimated>(first));
        EXPECT_TRUE(std::get<OversubscriptionEstimated>(first).total[0].has_revocable());
        const Event second = preempted.get_future().get();
        ASSERT_TRUE(std::holds_alternative<ContainerPreempted>(second));
        EXPECT_EQ(std::get<ContainerPreempted>(second).container, ContainerId{"a"});
    }
}

}  // namespace
}  // namespace tepui::agent
