#include "cli/view/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "allocator/explain.h"
#include "cli/view/explain_causes.h"
#include "cli/view/explain_text.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

JsonValue json(const std::string& text) {
    auto value = parse_json(text);
    EXPECT_TRUE(value) << text;
    return value.value_or(JsonValue{});
}

ExplainSubject subject() {
    ExplainSubject subject;
    subject.framework_id = "F1";
    subject.role = "ads/web";
    subject.limits = {{"cpus", Quantity{8000}}, {"mem", Quantity{512'000}}};
    subject.kept_for = {{"prod", {{"cpus", Quantity{1000}}}}};
    subject.framework_names = {{"F1", "web"}, {"F2", "hog"}};
    return subject;
}

/// A class of three agents with one cause.
JsonValue group_of(const std::string& cause, const std::string& names) {
    return json(R"({"causes":[{"cause":")" + cause + R"(","names":[)" + names +
                R"(]}],"count":3,"examples":[{"id":"S1","name":"n1"},{"id":"S2","name":"n2"}],
        "free":{"cpus":0.1},"offerable":{},"holders":{"prod":{"cpus":3.9}},
        "offers":{"F2":{"cpus":4}},"reserved_for":["db"],"filters_end_secs":[1.2,3.5]})");
}

TEST(Explain, EveryCauseSaysWhyAndWhatHelps) {
    struct Case {
        std::string cause;
        std::string names;
        std::string why;
        std::string way_out;
    };
    const std::vector<Case> cases = {
        {"paused", "", "after its failover", "--allocator_recovery_timeout"},
        {"framework_inactive", "", "framework web (F1) is not connected", "tepui teardown F1"},
        {"suppressed", "", "has suppressed offers for role 'ads/web'", "REVIVE"},
        {"agent_inactive", R"("draining")", "draining", "tepui drain --cancel n1"},
        {"agent_inactive", R"("drained")", "drained", "tepui reactivate n1, and so for each"},
        {"agent_inactive", R"("deactivated")", "deactivated", "tepui reactivate n1"},
        {"agent_inactive", R"("disconnected")", "disconnected", "start it again on n1"},
        {"agent_inactive", R"("")", "not active", "tepui describe agent n1"},
        {"not_whitelisted", "", "not on the master's whitelist", "add n1 to"},
        {"gpus", "", "GPU_RESOURCES, which framework web (F1)", "--filter_gpu_resources=false"},
        {"region", "", "in another region", "subscribe with that"},
        {"constraint", "", "offer constraints of framework web (F1)", "UPDATE_FRAMEWORK"},
        {"kept", R"("prod")", "kept for role prod", "tepui priority set --dry-run ads=BAND"},
        {"nothing_free", "", "nothing is free; role prod has cpus 3.9",
         "tepui priority set --dry-run ads=BAND"},
        {"offered", "", "framework hog (F2) has cpus 4",
         "tepui offer rescind $(tepui offer list -o name F2)"},
        {"reserved", "", "reserved for role db", "tepui unreserve --role db n1"},
        {"capability", R"("SHARED_RESOURCES")", "lacks: SHARED_RESOURCES",
         "subscribe with SHARED_RESOURCES"},
        {"below_minimum", "", "what is free (cpus 0.1 in all) is less", "offer_filters"},
        {"quota_limit", R"("cpus")", "limit of role 'ads' reached for cpus",
         "raise it: tepui quota set ads --limit 'cpus:MORE;mem:512'"},
        {"headroom", R"("cpus","mem")", "cpus, mem kept free for what other roles are guaranteed",
         "tepui quota set prod --guarantee"},
        {"declined", "", "its filters end in 2 s to 4 s", "wait 4 s until its filters end"},
        {"shared_in_turn", "", "only shared volumes are left", "offered again when"},
    };
    std::set<std::string> told;
    for (const Case& each : cases) {
        const JsonValue group = group_of(each.cause, each.names);
        const CauseText text = cause_text(group.find("causes")->items[0], group, subject());
        EXPECT_THAT(text.why, HasSubstr(each.why)) << each.cause;
        EXPECT_THAT(text.way_out, HasSubstr(each.way_out)) << each.cause;
        told.insert(each.cause);
    }
    std::set<std::string> known;
    for (int cause = 0; cause <= 0xff; ++cause) {
        known.emplace(allocator::cause_name(static_cast<allocator::Cause>(cause)));
    }
    known.erase("");
    EXPECT_EQ(told, known);
    const JsonValue newer = group_of("moon_phase", "");
    EXPECT_EQ(cause_text(newer.find("causes")->items[0], newer, subject()).why, "moon_phase");
}

TEST(Explain, OnlyWhatACallReservedIsGivenBackByOne) {
    const auto way_out = [](const std::string& by_call, const std::string& by_flag) {
        const JsonValue group = json(
            R"({"causes":[{"cause":"reserved"}],"count":3,"reserved_for":["db","ops"],
                "examples":[{"id":"S1","name":"n1"},{"id":"S2","name":"n2"}],
                "dynamic_for":{)" +
            by_call + R"(},"static_for":{)" + by_flag + "}}");
        return cause_text(group.find("causes")->items[0], group, subject()).way_out;
    };
    const std::string give_back = "give it back: tepui unreserve --role db n2; ";
    const std::string restart =
        "what role ops has is by the --resources of agent S7: tepui drain S7, start it once with "
        "--recover=cleanup, and again with others; ";
    const std::string subscribe = "or subscribe in such a role";
    EXPECT_EQ(way_out(R"("db":"S2")", ""), give_back + subscribe);
    EXPECT_EQ(way_out("", R"("ops":"S7")"), restart + subscribe);
    EXPECT_EQ(way_out(R"("db":"S2")", R"("ops":"S7")"), give_back + restart + subscribe);
}

TEST(Explain, NothingUnknownMakesAHole) {
    for (const std::string cause :
         {"framework_inactive", "nothing_free", "offered", "reserved", "quota_limit", "headroom",
          "declined", "agent_inactive", "below_minimum"}) {
        const JsonValue group = json(R"({"causes":[{"cause":")" + cause + R"("}],"count":1})");
        const std::string text = class_text(group, ExplainSubject{});
        EXPECT_THAT(text, HasSubstr("1 agent: ")) << cause;
        EXPECT_THAT(text, HasSubstr("\n    -> ")) << cause;
        EXPECT_THAT(text, Not(HasSubstr("''"))) << cause;
    }
}

TEST(Explain, AClassIsALineAndItsWaysOut) {
    EXPECT_EQ(class_text(group_of("quota_limit", R"("cpus")"), subject()),
              "3 agents (n1, n2 ...): limit of role 'ads' reached for cpus\n"
              "    -> raise it: tepui quota set ads --limit 'cpus:MORE;mem:512'\n");
    EXPECT_EQ(class_causes(group_of("quota_limit", R"("cpus")")), "quota limit");
    // Agents of one host are told apart by their ids.
    const JsonValue open = json(
        R"({"causes":[],"count":2,"examples":[{"id":"S1","name":"box"},{"id":"S2","name":"box"}],
            "offerable":{"cpus":4,"mem":1024}})");
    EXPECT_EQ(class_text(open, subject()),
              "2 agents (S1, S2): may be offered at the next allocation: cpus 4, mem 1GB\n");
}

TEST(Explain, ItsOwnOffersAreToBeAnswered) {
    ExplainSubject own = subject();
    own.framework_id = "F2";
    const std::string text = class_text(group_of("offered", ""), own);
    EXPECT_THAT(text, HasSubstr("it is offered to framework hog (F2) already\n"));
    EXPECT_THAT(text, HasSubstr("use or decline"));
}

const char* const k_role = R"({"role":"ads/web","band":10,
    "standings":[
      {"role":"ads","weight":2,"share":0.3125,"position":2,"competitors":4,
       "allocated":{"cpus":3},"guarantees":{"cpus":4},"limits":{"cpus":8},"consumed":{"cpus":3},
       "lacking":{"cpus":1}},
      {"role":"ads/web","weight":1,"share":0.3125,"position":0,"competitors":0,"allocated":{},
       "guarantees":{},"limits":{},"consumed":{},"lacking":{}}],
    "clients":[{"framework_id":"F1","framework_name":"web","role":"ads/web","active":true,
       "suppressed":false,"share":0.25,"position":1,"competitors":3,"allocated":{"cpus":2},
       "filters":1,"agents":30,"examined":20,"kept_for":[],
       "classes":[
         {"causes":[{"cause":"quota_limit","names":["cpus"]},{"cause":"declined","names":[]}],
          "count":12,"examples":[{"id":"S1","name":"n1"}],"free":{"cpus":4},"offerable":{},
          "holders":{},"offers":{},"reserved_for":[],"filters_end_secs":[4,4]}]}],
    "clients_total":3,
    "hoarders":[{"framework_id":"F2","framework_name":"hog","offers":14,"agents":12,
       "amounts":{"cpus":48},"oldest_secs":34}]})";

TEST(Explain, ARole) {
    EXPECT_EQ(
        explain_role_page(json(k_role), false),
        "role ads: weight 2, share 0.31, 2nd of 4, holds cpus:3, guaranteed cpus:4, lacks cpus:1, "
        "limited to cpus:8 of which cpus:3 are taken\n"
        "role ads/web: weight 1, share 0.31, nobody asks\n"
        "priority 10\n"
        "the first 1 of 3 frameworks, in the order in which they are asked\n"
        "\n"
        "FRAMEWORK  ROLE     AGENTS  IN THE WAY             FREE\n"
        "web        ads/web      12  quota limit, declined  cpus 4\n"
        "\n"
        "framework web (F1) in role ads/web: 1st of 3, share 0.25, holds cpus:2, 1 filter\n"
        "  12 agents (n1 ...): limit of role 'ads' reached for cpus; framework web (F1) declined "
        "such an offer; its filters end in 4 s\n"
        "    -> raise it: tepui quota set ads --limit 'cpus:MORE'\n"
        "    -> wait 4 s until its filters end; or its scheduler has to call REVIVE\n"
        "  20 of 30 agents were looked at, evenly spread\n"
        "\n"
        "Offers that nobody answered yet:\n"
        "  framework hog (F2) holds offers of 12 agents (cpus 48), the oldest for 34 s: tepui "
        "offer rescind $(tepui offer list -o name F2)\n");
    EXPECT_THAT(explain_role_page(json(R"({"role":"x","standings":[],"clients":[]})"), false),
                HasSubstr("no framework is subscribed in role x\n"));
}

TEST(Explain, AFramework) {
    const JsonValue body = json(R"({"framework":{"id":"F1","name":"web","active":false},
        "clients":[{"framework_id":"F1","framework_name":"web","role":"ads","active":false,
          "suppressed":true,"share":0,"position":0,"competitors":0,"allocated":{},"filters":0,
          "agents":1,"examined":1,"kept_for":[{"role":"prod","lacking":{"cpus":2}}],
          "classes":[{"causes":[{"cause":"headroom","names":["cpus"]}],"count":1,
            "examples":[{"id":"S1","name":"n1"}],"free":{"cpus":4},"filters_end_secs":null}]}],
        "standings":{"ads":[{"role":"ads","weight":1,"share":0,"position":0}]},
        "offers":{"framework_id":"F1","framework_name":"web","offers":1,"agents":1,
          "amounts":{"cpus":1},"oldest_secs":300},
        "hoarders":[{"framework_id":"F1","framework_name":"web","agents":1,"amounts":{"cpus":1}},
          {"framework_id":"F2","framework_name":"hog","agents":2,"amounts":{"cpus":8},
           "oldest_secs":7300}]})");
    const std::string page = explain_framework_page(body, false);
    EXPECT_THAT(page, testing::StartsWith("framework web (F1): not connected\nrole ads: weight 1"));
    EXPECT_THAT(page, HasSubstr("framework web (F1) holds offers of 1 agent (cpus 1), the oldest "
                                "for 5 min"));
    EXPECT_THAT(page, HasSubstr("in role ads: not connected, suppressed, share 0\n"));
    EXPECT_THAT(page, HasSubstr("1 agent (n1): cpus kept free for what other roles are guaranteed: "
                                "role prod lacks cpus 2\n"));
    const std::size_t others = page.find("Others' offers");
    ASSERT_NE(others, std::string::npos);
    EXPECT_THAT(page.substr(others), Not(HasSubstr("F1")));
    EXPECT_THAT(page.substr(others), HasSubstr("framework hog (F2) holds offers of 2 agents"));
    EXPECT_THAT(page.substr(others), HasSubstr("the oldest for 2 h"));
}

TEST(Explain, AnAgent) {
    const JsonValue body = json(R"({"agent":{"id":"S1","hostname":"n1","deactivated":true,
          "whitelisted":false,"why_inactive":"draining"},
        "total":{"cpus":4,"mem":2048},"free":{"cpus":1},"reserved":{"db":{"cpus":1}},
        "used":[{"framework_id":"F1","framework_name":"web","amounts":{"cpus":3}}],
        "offered":[],"clients_total":3,"examined":3,
        "classes":[{"causes":[{"cause":"agent_inactive","names":["draining"]},
            {"cause":"suppressed","names":[]}],"count":2,
            "examples":[{"id":"F1","name":"ads"},{"id":"F2","name":"ads"}],"offerable":{}},
          {"causes":[{"cause":"quota_limit","names":["cpus"]}],"count":1,
            "examples":[{"id":"F1","name":"ads"}],"offerable":{}}]})");
    EXPECT_EQ(explain_agent_page(body, false),
              "agent n1 (S1): draining, not on the master's whitelist\n"
              "it has cpus 4, mem 2GB, of which cpus 1 free\n"
              "reserved: cpus 1 for role db\n"
              "framework web (F1) uses cpus 3\n"
              "\n"
              "FRAMEWORKS  IN THE WAY                  OFFERABLE\n"
              "         2  agent inactive, suppressed  none\n"
              "         1  quota limit                 none\n"
              "\n"
              "  2 frameworks (web in role ads, F2 in role ads): the agent is draining; the "
              "framework has suppressed offers for role 'ads'\n"
              "    -> wait for its end, then: tepui reactivate n1; or take it back: tepui drain "
              "--cancel n1\n"
              "    -> its scheduler has to call REVIVE\n"
              "  1 framework (web in role ads): limit of role 'ads' reached for cpus\n"
              "    -> raise it (tepui explain role ads): tepui quota set ads --limit AMOUNTS\n");
    EXPECT_THAT(explain_agent_page(json(R"({"agent":{"id":"S1"}})"), false),
                HasSubstr("no framework is subscribed\n"));
}

TEST(Explain, NothingOfTheClusterSteersATerminalOrAShell) {
    JsonValue body = json(k_role);
    for (JsonValue* text : {&body.items[0], &body.items[3].items[0].items[1]}) {
        text->text = "evil\033[2J";
    }
    EXPECT_EQ(explain_role_page(body, false).find('\033'), std::string::npos);
    EXPECT_EQ(shell_word("n1.example"), "n1.example");
    EXPECT_EQ(shell_word("a;b $(c)"), "'a;b $(c)'");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word(""), "''");
}

TEST(Explain, Spans) {
    const std::vector<std::pair<double, std::string>> cases = {
        {-1, "0 s"},    {0.2, "1 s"},      {34, "34 s"},  {119.5, "120 s"},
        {120, "2 min"}, {7199, "119 min"}, {7200, "2 h"}, {48 * 3600, "2 days"},
    };
    for (const auto& [seconds, text] : cases) EXPECT_EQ(span_text(seconds), text);
}

}  // namespace
}  // namespace tepui::cli
