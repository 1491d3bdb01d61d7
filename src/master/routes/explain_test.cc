#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "master/routes/explain_requests.h"
#include "master/routes/routes_testing.h"

namespace tepui::master {
namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;
using testing::HasSubstr;
using testing::Not;

class ExplainTest : public RoutesTest {
protected:
    ExplainTest()
        : agent_(io_, master_->port()), framework_(io_, master_->port(), wire::Media::json) {
        agent_.register_agent(test_agent_info("one.example"));
        auto info = test_framework_info();
        info.set_name("shop");
        info.clear_roles();
        info.add_roles("ads/web");
        framework_.subscribe(info);
    }
    unsigned send(Call::Type type) {
        Call call;
        call.set_type(type);
        return framework_.send(call);
    }
    mesos::v1::Offer offer() { return framework_.next(Event::OFFERS).offers().offers(0); }

    TestAgent agent_;
    TestScheduler framework_;
};

TEST_F(ExplainTest, SaysWhoHoldsWhatIsFree) {
    const auto held = offer();
    const std::string id = framework_.framework_id().value();
    const std::string role = body("/tepui/explain?role=ads/web");
    EXPECT_THAT(role, HasSubstr(R"("causes":[{"cause":"offered","names":[]}],"count":1)"));
    EXPECT_THAT(role, HasSubstr(R"("standings":[{"role":"ads","weight":1.0,"share":1.0,)"));
    EXPECT_THAT(role, HasSubstr(R"("hoarders":[{"framework_id":")" + id +
                                R"(","framework_name":"shop","offers":1,"agents":1,)"));
    const std::string agent = body("/tepui/explain?agent=one.example");
    EXPECT_THAT(agent, HasSubstr(R"("hostname":"one.example","deactivated":false)"));
    EXPECT_THAT(agent, HasSubstr(R"("offered":[{"framework_id":")" + id));
    EXPECT_EQ(body("/tepui/explain?agent=" + held.agent_id().value()).substr(0, 40),
              agent.substr(0, 40));

    const std::string offers = body("/tepui/offers");
    EXPECT_THAT(offers, HasSubstr(R"({"offers":[{"id":")" + held.id().value() + "\""));
    EXPECT_THAT(offers, HasSubstr(R"("role":"ads/web")"));
    const std::string metrics = body("/metrics/snapshot");
    EXPECT_THAT(metrics, HasSubstr("master/offers/oldest_secs"));
    EXPECT_THAT(metrics, HasSubstr("offers/held_secs"));
}

TEST_F(ExplainTest, NamesWhatStandsBetween) {
    const auto held = offer();
    ASSERT_EQ(send(Call::SUPPRESS), 202U);
    Call decline;
    decline.set_type(Call::DECLINE);
    *decline.mutable_decline()->add_offer_ids() = held.id();
    decline.mutable_decline()->mutable_filters()->set_refuse_seconds(1000);
    ASSERT_EQ(framework_.send(decline), 202U);
    const std::string both = body("/tepui/explain?framework=shop");
    EXPECT_THAT(both, HasSubstr(R"({"cause":"suppressed","names":[]})"));
    EXPECT_THAT(both, HasSubstr(R"({"cause":"declined","names":[]})"));
    EXPECT_THAT(both, HasSubstr(R"("filters_end_secs":[99)"));
    EXPECT_THAT(both, HasSubstr(R"("offers":null)"));
    EXPECT_THAT(body("/metrics/snapshot"),
                HasSubstr(R"("allocator/mesos/offer_filters/roles/ads/web/active":1)"));

    const auto deactivate = client_->post_json(
        "/api/v1", fmt::format(R"({{"type":"DEACTIVATE_AGENT","deactivate_agent":)"
                               R"({{"agent_id":{{"value":"{}"}}}}}})",
                               agent_.id()));
    ASSERT_EQ(deactivate.status, 200U);
    EXPECT_THAT(body("/tepui/explain?framework=" + framework_.framework_id().value()),
                HasSubstr(R"({"cause":"agent_inactive","names":["deactivated"]})"));
    EXPECT_THAT(body("/tepui/explain?agent=one.example"),
                HasSubstr(R"("why_inactive":"deactivated")"));
}

TEST_F(ExplainTest, TellsWhoReserved) {
    TestAgent other(io_, master_->port());
    auto info = test_agent_info("two.example");
    const auto reserved = Resources::parse_flag(
        R"([{"name":"cpus","type":"SCALAR","scalar":{"value":4},
             "reservations":[{"type":"STATIC","role":"db"},{"type":"DYNAMIC","role":"db/x"}]}])");
    ASSERT_TRUE(reserved);
    *info.mutable_resources() = reserved->to_proto();
    other.register_agent(info);
    EXPECT_THAT(
        body("/tepui/explain?agent=two.example"),
        HasSubstr(fmt::format(
            R"("reserved_for":["db/x"],"dynamic_for":{{"db/x":"{0}"}},"static_for":{{"db":"{0}"}})",
            other.id())));
}

TEST_F(ExplainTest, TakesOffersBack) {
    const std::string id = offer().id().value();
    const auto take = [&](const std::string& ids) {
        return client_->post_json("/tepui/rescind-offer",
                                  fmt::format(R"({{"offer_ids":[{}]}})", ids));
    };
    const auto unknown = take(R"("nothing")");
    EXPECT_EQ(unknown.status, 404U);
    EXPECT_THAT(*unknown.body, HasSubstr("nothing"));
    // All or none.
    EXPECT_EQ(take("\"" + id + R"(","nothing")").status, 404U);
    EXPECT_THAT(body("/tepui/offers"), HasSubstr(id));
    EXPECT_EQ(take("\"" + id + "\"").status, 200U);
    EXPECT_EQ(framework_.next(Event::RESCIND).rescind().offer_id().value(), id);
    EXPECT_EQ(take("\"" + id + "\"").status, 404U);
    for (const char* bad : {"", "1", R"("")"}) EXPECT_EQ(take(bad).status, 400U) << bad;
    EXPECT_EQ(client_->post_json("/tepui/rescind-offer", "[]").status, 400U);
}

TEST_F(ExplainTest, RefusesWhatItDoesNotKnow) {
    for (const char* query : {"", "?role=a&framework=b", "?role=", "?task=a"})
        EXPECT_EQ(client_->get(std::string("/tepui/explain") + query).status, 400U) << query;
    for (const char* query : {"?role=nobody", "?framework=nobody", "?agent=nobody"}) {
        const auto answer = client_->get(std::string("/tepui/explain") + query);
        EXPECT_EQ(answer.status, 404U) << query;
        EXPECT_THAT(*answer.body, HasSubstr("nobody"));
    }
    // Nobody is in it, but it has a weight.
    EXPECT_THAT(body("/tepui/explain?role=silver"), HasSubstr(R"("clients":[],"clients_total":0)"));

    TestScheduler namesake(io_, master_->port(), wire::Media::json);
    auto info = test_framework_info();
    info.set_name("shop");
    namesake.subscribe(info);
    const auto several = client_->get("/tepui/explain?framework=shop");
    EXPECT_EQ(several.status, 409U);
    EXPECT_THAT(*several.body, HasSubstr(namesake.framework_id().value()));
}

TEST(Explanations, FiltersEndInSeconds) {
    ExplainedRole role;
    role.role = "a";
    allocator::ExplainedClass one;
    one.count = 2;
    one.obstacles = {{allocator::Cause::declined, {}}};
    one.first_end = Instant{10s};
    one.last_end = Instant{25s};
    role.clients.push_back({"shop", {}});
    role.clients[0].explanation.classes.push_back(one);
    const std::string text = render_explanation(role, Instant{5s});
    EXPECT_THAT(text, HasSubstr(R"("filters_end_secs":[5.0,20.0])"));
    EXPECT_THAT(text, Not(HasSubstr("null")));
}

}  // namespace
}  // namespace tepui::master
