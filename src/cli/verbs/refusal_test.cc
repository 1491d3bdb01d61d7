#include <atomic>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "cli/client/master_api.h"
#include "cli/verbs/verbs.h"
#include "http/server.h"
#include "wire/media.h"

namespace tepui::cli {
namespace {

using Call = mesos::v1::master::Call;

/// A master with one agent, one task and one offer, which refuses one thing: a route of ours by
/// method and path, an operator call by its type.
class RefusingMaster : public testing::Test {
protected:
    RefusingMaster() {
        http::Router router;
        const auto route = [&](const std::string& path, const std::string& body) {
            router.add(
                path, {"GET", "POST", "PUT"},
                [this, path, body](http::Request request) -> asio::awaitable<http::Response> {
                    const bool refused = refused_ == request.method + ' ' + path;
                    co_return refused ? refusal_ : http::Response::json(std::string(body));
                });
        };
        route("/tepui/explain", "{}");
        route("/tepui/offers", k_offers);
        route("/tepui/rescind-offer", "");
        route("/tepui/priorities", "{}");
        route("/tepui/kill-task", "");
        route("/tepui/cancel-drain", "");
        router.add("/api/v1", {"POST"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       co_return answer(request);
                   });
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(router));
        EXPECT_TRUE(server_->start());
        http::Server away(http::ServerOptions{}, http::Router());
        EXPECT_TRUE(away.start());
        away_port_ = away.port();
        away.stop();
        console_.out = [](std::string_view) {};
        console_.err = [this](std::string_view text) { err_ += text; };
        console_.environment = [this](const std::string& name) -> std::optional<std::string> {
            if (name != "TEPUI_MASTER") return std::nullopt;
            return fmt::format("127.0.0.1:{}", server_->port());
        };
    }

    http::Response answer(const http::Request& request) {
        Call call;
        EXPECT_TRUE(wire::decode(wire::Media::protobuf, request.body, call));
        if (Call::Type_Name(call.type()) == refused_) return refusal_;
        mesos::v1::master::Response message;
        if (call.type() == Call::GET_AGENTS) {
            auto& agent = *message.mutable_get_agents()->add_agents();
            agent.mutable_agent_info()->mutable_id()->set_value("M-S1");
            agent.mutable_agent_info()->set_hostname("box");
            agent.set_active(true);
            agent.set_version("1");
            auto& cpus = *agent.add_total_resources();
            cpus.set_name("cpus");
            cpus.set_type(mesos::v1::Value::SCALAR);
            cpus.mutable_scalar()->set_value(4);
        }
        if (call.type() == Call::GET_TASKS) {
            auto& task = *message.mutable_get_tasks()->add_tasks();
            task.mutable_task_id()->set_value("web-1");
            task.set_name("web");
            task.mutable_framework_id()->set_value("F");
            task.mutable_agent_id()->set_value("M-S1");
            task.set_state(mesos::v1::TASK_RUNNING);
        }
        http::Response response =
            http::Response::text(200, wire::encode(wire::Media::protobuf, message));
        response.headers.set("Content-Type", std::string(wire::media_protobuf));
        return response;
    }

    /// Whoever asks for `what` hears `status` and `text`.
    void refuse(const std::string& what, unsigned status, const std::string& text) {
        refused_ = what;
        refusal_ = http::Response::text(status, text);
    }
    /// Whoever asks for `what` is sent to a master that is not there.
    void send_away(const std::string& what) {
        refused_ = what;
        refusal_ = http::Response::empty(307);
        refusal_.headers.set("Location", fmt::format("//127.0.0.1:{}/", away_port_));
    }

    int run(std::vector<std::string> arguments) {
        const std::vector<Verb> verbs = {explain_verb(), offer_verb(),      priority_verb(),
                                         kill_verb(),    drain_verb(),      deactivate_verb(),
                                         reserve_verb(), reactivate_verb(), volume_verb()};
        err_.clear();
        return run_program(verbs, arguments, console_);
    }

    static constexpr const char* k_offers =
        R"({"offers":[{"id":"M-O7","framework_id":"F","framework_name":"web","agent_id":"M-S1",)"
        R"("hostname":"box","role":"prod","age_s":3,"resources":{}}],"offers_total":1})";

    std::unique_ptr<http::Server> server_;
    std::uint16_t away_port_ = 0;
    Console console_;
    std::string err_;
    std::string refused_;
    http::Response refusal_;
};

struct Refused {
    std::vector<std::string> words;
    std::string asked;  // The route or the call that fails.
    std::string verb;   // What is said to be done while nobody answers.
    std::string what;   // What is said to be refused; "" for verbs that only look.
    std::string next;
};

const std::vector<Refused>& refusals() {
    static const std::vector<Refused> all = {
        {{"explain", "role", "ads"},
         "GET /tepui/explain",
         "explain role",
         "explain role",
         "tepui get roles"},
        {{"offer", "list"}, "GET /tepui/offers", "offer list", "", ""},
        {{"offer", "rescind", "M-O7"}, "GET /tepui/offers", "offer rescind", "", ""},
        {{"offer", "rescind", "M-O7"},
         "POST /tepui/rescind-offer",
         "offer rescind",
         "offer rescind",
         "tepui offer list"},
        {{"priority", "list"}, "GET /tepui/priorities", "priority list", "", ""},
        {{"priority", "set", "prod=1"}, "GET /tepui/priorities", "priority set", "", ""},
        {{"priority", "set", "prod=1"},
         "PUT /tepui/priorities",
         "priority set",
         "priority set",
         "tepui priority list"},
        {{"kill", "web-1"}, "POST /tepui/kill-task", "kill", "kill web-1", "tepui get tasks web-1"},
        {{"kill", "web-1"}, "GET_TASKS", "kill", "", ""},
        {{"drain", "--cancel", "box"},
         "POST /tepui/cancel-drain",
         "drain",
         "drain --cancel M-S1",
         "tepui describe agent M-S1"},
        {{"drain", "--cancel", "box"}, "GET_AGENTS", "drain", "drain", "tepui get agents"},
        {{"drain", "--yes", "box"}, "GET_AGENTS", "drain", "drain", "tepui get agents"},
        {{"drain", "--yes", "box"},
         "DRAIN_AGENT",
         "drain M-S1",
         "drain M-S1",
         "tepui describe agent M-S1"},
        {{"deactivate", "box"}, "GET_AGENTS", "deactivate", "deactivate", "tepui get agents"},
        {{"deactivate", "box"},
         "DEACTIVATE_AGENT",
         "deactivate M-S1",
         "deactivate M-S1",
         "tepui describe agent M-S1"},
        {{"reserve", "--role", "prod", "box", "cpus:1"},
         "GET_AGENTS",
         "reserve",
         "reserve",
         "tepui get agents"},
        {{"reserve", "--role", "prod", "box", "cpus:1"},
         "RESERVE_RESOURCES",
         "reserve",
         "reserve",
         "tepui describe agent M-S1"},
        {{"volume", "destroy", "box", "v", "--yes"},
         "GET_AGENTS",
         "volume destroy",
         "volume destroy",
         "tepui get agents"},
    };
    return all;
}

TEST_F(RefusingMaster, IsQuotedWithAWayOut) {
    for (const Refused& refused : refusals()) {
        SCOPED_TRACE(fmt::format("{} at {}", refused.verb, refused.asked));
        refuse(refused.asked, 409, "not now\n");
        EXPECT_EQ(run(refused.words), 1);
        const std::string only_looks = fmt::format("tepui: {} (master 127.0.0.1:{}): not now\n",
                                                   refused.verb, server_->port());
        EXPECT_EQ(err_, refused.what.empty() ? only_looks
                                             : fmt::format("tepui: {}: not now\n  try: {}\n",
                                                           refused.what, refused.next));
        refuse(refused.asked, 403, "not you");
        EXPECT_EQ(run(refused.words), 5);
    }
}

TEST_F(RefusingMaster, ThatIsAwayIsNamedByItsAddress) {
    for (const Refused& refused : refusals()) {
        SCOPED_TRACE(fmt::format("{} at {}", refused.verb, refused.asked));
        send_away(refused.asked);
        EXPECT_EQ(run(refused.words), 1);
        EXPECT_TRUE(err_.starts_with(fmt::format(
            "tepui: {0} (master 127.0.0.1:{1}): no answer from 127.0.0.1:{1}: ", refused.verb,
            away_port_)))
            << err_;
        EXPECT_TRUE(
            err_.ends_with("\n  try: tepui up, or name another master with --master HOST:PORT\n"))
            << err_;
    }
}

}  // namespace
}  // namespace tepui::cli
