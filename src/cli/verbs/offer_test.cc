#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/verbs/get_query.h"
#include "cli/verbs/offer_tables.h"
#include "cli/verbs/verbs.h"
#include "http/server.h"

namespace tepui::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const k_offers = R"({"offers":[
    {"id":"M-O7","framework_id":"F2","framework_name":"hog","role":"prod","agent_id":"S1",
     "hostname":"n1","amounts":{"cpus":4,"mem":1024},"age_secs":34.2},
    {"id":"M-O12","framework_id":"F1","framework_name":"web","role":"ads","agent_id":"S2",
     "hostname":"n2","amounts":{"cpus":1},"age_secs":0.4}]})";

JsonValue offers() { return *parse_json(k_offers); }

std::vector<std::string> ids(const Result<Listing>& listing) {
    std::vector<std::string> list;
    if (listing) {
        for (const Listed& item : listing->items) list.push_back(item.id);
    }
    return list;
}

TEST(OfferTables, AllOrThoseOfAFrameworkOrAnAgent) {
    const auto all = list_open_offers(offers(), false, {});
    ASSERT_TRUE(all);
    EXPECT_EQ(*render_listing(*all, OutputFormat{}, false),
              "ID     FRAMEWORK  ROLE  AGENT  RESOURCES         AGE\n"
              "M-O7   hog        prod  n1     cpus 4, mem 1GB  35 s\n"
              "M-O12  web        ads   n2     cpus 1            1 s\n");
    const auto wide = list_open_offers(offers(), true, {});
    EXPECT_EQ(wide->items[0].row.size(), wide->columns.size());
    for (const std::string word : {"M-O12", "M-O1", "web", "F1", "n2", "S2"}) {
        EXPECT_THAT(ids(list_open_offers(offers(), false, {word})), ElementsAre("M-O12")) << word;
    }
    EXPECT_THAT(ids(list_open_offers(offers(), false, {"web", "hog"})),
                ElementsAre("M-O7", "M-O12"));
    const auto missing = list_open_offers(offers(), false, {"web", "nobody"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_THAT(missing.error().text, HasSubstr("'nobody'"));
    EXPECT_FALSE(list_open_offers(offers(), false, {""}));
}

TEST(OfferTables, ARescindSaysWhoseOffersGo) {
    const auto plan = plan_rescind(offers(), {"M-O12", "M-O7", "M-O12"});
    ASSERT_TRUE(plan);
    EXPECT_THAT(
        plan->lines,
        ElementsAre("M-O12: framework web (F1) in role ads has cpus 1 of n2 for 1 s",
                    "M-O7: framework hog (F2) in role prod has cpus 4, mem 1GB of n1 for 35 s"));
    EXPECT_EQ(rescind_body(*plan), R"({"offer_ids":["M-O12","M-O7"]})");
    EXPECT_EQ(plan_rescind(offers(), {"M-O7", "M-O8"}).error().code, Errc::not_found);
    EXPECT_EQ(plan_rescind(offers(), {"M-"}).error().code, Errc::conflict);
}

/// A master that explains, and whose offers can be taken back.
class ExplainingMaster : public testing::Test {
protected:
    ExplainingMaster() {
        http::Router router;
        router.add("/tepui/explain", {"GET"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       target_ = request.target;
                       const bool known = target_.find("role=ads%2Fweb") != std::string::npos;
                       co_return known ? http::Response::json(std::string(k_explanation))
                                       : http::Response::text(404, "nobody is in role 'x'");
                   });
        router.add("/tepui/offers", {"GET"}, [](http::Request) -> asio::awaitable<http::Response> {
            co_return http::Response::json(std::string(k_offers));
        });
        router.add("/tepui/rescind-offer", {"POST"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       rescinded_ = request.body;
                       co_return http::Response::empty(status_);
                   });
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(router));
        EXPECT_TRUE(server_->start());
        console_.out = [this](std::string_view text) { out_ += text; };
        console_.err = [this](std::string_view text) { err_ += text; };
        console_.environment = [this](const std::string& name) -> std::optional<std::string> {
            if (name != "TEPUI_MASTER") return std::nullopt;
            return fmt::format("127.0.0.1:{}", server_->port());
        };
    }

    int run(std::vector<std::string> arguments) {
        const std::vector<Verb> verbs = {explain_verb(), offer_verb()};
        out_.clear();
        err_.clear();
        return run_program(verbs, arguments, console_);
    }

    static constexpr const char* k_explanation =
        R"({"role":"ads/web","band":0,"standings":[],"clients":[],"clients_total":0,"hoarders":[]})";

    std::unique_ptr<http::Server> server_;
    Console console_;
    std::string out_;
    std::string err_;
    std::string target_;
    std::string rescinded_;
    unsigned status_ = 200;
};

TEST_F(ExplainingMaster, ShowsAPageOrTheAnswerAsItIs) {
    EXPECT_EQ(run({"explain", "role", "ads/web"}), 0) << err_;
    EXPECT_EQ(target_, "/tepui/explain?role=ads%2Fweb");
    EXPECT_EQ(out_, "no framework is subscribed in role ads/web\n");
    EXPECT_EQ(run({"explain", "role", "ads/web", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_, std::string(k_explanation) + "\n");
    EXPECT_EQ(run({"explain", "role", "ads/web", "-o", "jsonpath={.clients_total}"}), 0) << err_;
    EXPECT_EQ(out_, "0\n");
}

TEST_F(ExplainingMaster, SaysWhatIsNotThere) {
    EXPECT_EQ(run({"explain", "role", "x"}), 3);
    EXPECT_EQ(err_, "tepui: explain role: nobody is in role 'x'\n  try: tepui get roles\n");
    EXPECT_EQ(run({"explain", "agent", "x"}), 3);
    EXPECT_THAT(err_, HasSubstr("  try: tepui get agents\n"));
}

TEST_F(ExplainingMaster, ListsOffers) {
    EXPECT_EQ(run({"offer"}), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("M-O12"));
    EXPECT_EQ(run({"offer", "list", "-o", "name", "web"}), 0) << err_;
    EXPECT_EQ(out_, "M-O12\n");
    EXPECT_EQ(run({"offer", "list", "-o", "json", "web"}), 0) << err_;
    EXPECT_THAT(out_, testing::StartsWith(R"([{"id":"M-O12","framework_id":"F1")"));
}

TEST_F(ExplainingMaster, TakesOffersBackUnlessOneIsUnknown) {
    EXPECT_EQ(run({"offer", "rescind", "--dry-run", "M-O7"}), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("M-O7: framework hog (F2)"));
    EXPECT_THAT(err_, HasSubstr("nothing was changed"));
    EXPECT_EQ(run({"offer", "rescind", "M-O7", "nope"}), 3);
    EXPECT_THAT(err_, HasSubstr("'nope'"));
    EXPECT_THAT(err_, HasSubstr("  try: tepui offer list\n"));
    EXPECT_EQ(rescinded_, "");
    EXPECT_EQ(run({"offer", "rescind", "M-O7"}), 0) << err_;
    EXPECT_EQ(rescinded_, R"({"offer_ids":["M-O7"]})");
    EXPECT_THAT(out_, HasSubstr("M-O7: framework hog (F2)"));
    status_ = 404;  // Answered in between.
    EXPECT_EQ(run({"offer", "rescind", "M-O7"}), 3);
    EXPECT_EQ(out_, "");
    EXPECT_THAT(err_, HasSubstr("  try: tepui offer list\n"));
}

}  // namespace
}  // namespace tepui::cli
