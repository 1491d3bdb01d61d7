#include "cli/run/shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/posix/clock.h"
#include "http/server.h"
#include "mesos/v1/agent/agent.pb.h"
#include "wire/media.h"

namespace tepui::cli {
namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

/// A master and an agent in one server: it offers itself at SUBSCRIBE, "runs" the task of an ACCEPT
/// at once, and serves its output.
class FakeCluster {
public:
    FakeCluster() {
        http::Router router;
        router.add("/api/v1/scheduler", {"POST"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       co_return scheduler(request);
                   });
        router.add("/api/v1", {"POST"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       co_return read_file(request);
                   });
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(router));
        EXPECT_TRUE(server_->start());
    }
    std::uint16_t port() const { return server_->port(); }
    std::vector<Call> calls() {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    std::vector<std::string> stream_ids() {
        const std::lock_guard lock(mutex_);
        return stream_ids_;
    }
    bool cut_after_launch = false;  // The first stream breaks once the task runs.
    std::string failure_message = "Command exited with status 3";

private:
    void push(const Event& event) {
        stream_->push(wire::encode_record(wire::encode(wire::Media::protobuf, event)));
    }

    http::Response scheduler(const http::Request& request) {
        Call call;
        EXPECT_TRUE(wire::decode(wire::Media::protobuf, request.body, call));
        const std::lock_guard lock(mutex_);
        calls_.push_back(call);
        stream_ids_.emplace_back(request.headers.find("Mesos-Stream-Id").value_or(""));
        if (call.type() == Call::SUBSCRIBE) return subscribe();
        if (call.type() == Call::ACCEPT) on_accept(call);
        if (call.type() == Call::RECONCILE) update(mesos::v1::TASK_FAILED, failure_message);
        return http::Response::empty(202);
    }

    http::Response subscribe() {
        stream_ = http::make_body_stream();
        http::Response response;
        response.stream = stream_;
        response.headers.set("Content-Type", std::string(wire::media_protobuf));
        response.headers.set("Mesos-Stream-Id", fmt::format("stream-{}", ++subscriptions_));
        Event event;
        event.set_type(Event::SUBSCRIBED);
        event.mutable_subscribed()->mutable_framework_id()->set_value("F");
        push(event);
        if (subscriptions_ > 1) return response;
        event.Clear();
        event.set_type(Event::OFFERS);
        auto* offer = event.mutable_offers()->add_offers();
        offer->mutable_id()->set_value("O");
        offer->mutable_framework_id()->set_value("F");
        offer->mutable_agent_id()->set_value("S");
        offer->set_hostname("localhost");
        offer->mutable_url()->set_scheme("http");
        offer->mutable_url()->mutable_address()->set_ip("127.0.0.1");
        offer->mutable_url()->mutable_address()->set_port(server_->port());
        auto* resource = offer->add_resources();
        resource->set_name("cpus");
        resource->set_type(mesos::v1::Value::SCALAR);
        resource->mutable_scalar()->set_value(4);
        push(event);
        return response;
    }

    void on_accept(const Call& call) {
        task_ = call.accept().operations(0).launch().task_infos(0).task_id().value();
        update(mesos::v1::TASK_RUNNING, "");
        if (cut_after_launch) {
            stream_->finish();
        } else {
            update(mesos::v1::TASK_FAILED, failure_message);
        }
    }

    void update(mesos::v1::TaskState state, const std::string& message) {
        Event event;
        event.set_type(Event::UPDATE);
        auto* status = event.mutable_update()->mutable_status();
        status->mutable_task_id()->set_value(task_);
        status->mutable_agent_id()->set_value("S");
        status->set_state(state);
        status->set_message(message);
        status->set_uuid(std::string(16, 'u'));
        push(event);
    }

    http::Response read_file(const http::Request& request) {
        mesos::v1::agent::Call call;
        EXPECT_TRUE(wire::decode(wire::Media::protobuf, request.body, call));
        const bool errors = call.read_file().path().ends_with("/stderr");
        const std::string content = errors ? "oops\n" : "hello\n";
        mesos::v1::agent::Response answer;
        answer.set_type(mesos::v1::agent::Response::READ_FILE);
        answer.mutable_read_file()->set_size(content.size());
        const std::uint64_t offset = call.read_file().offset();
        answer.mutable_read_file()->set_data(offset < content.size() ? content.substr(offset) : "");
        http::Response response =
            http::Response::text(200, wire::encode(wire::Media::protobuf, answer));
        response.headers.set("Content-Type", std::string(wire::media_protobuf));
        return response;
    }

    std::mutex mutex_;
    std::vector<Call> calls_;
    std::vector<std::string> stream_ids_;
    std::shared_ptr<http::BodyStream> stream_;
    std::string task_;
    int subscriptions_ = 0;
    std::unique_ptr<http::Server> server_;
};

struct Outputs {
    std::optional<Result<int>> code;
    std::string out;
    std::string err;
};

Outputs run_on(FakeCluster& cluster) {
    Outputs outputs;
    Console console;
    console.out = [&](std::string_view text) { outputs.out += text; };
    console.err = [&](std::string_view text) { outputs.err += text; };
    RunSpec spec;
    spec.name = "job";
    spec.user = "me";
    spec.id = "job-1";
    spec.needs = {{"cpus", Quantity{1000}}};
    spec.command.set_value("true");
    asio::io_context loop;
    http::Client client(loop.get_executor());
    http::Url url;
    url.host = "127.0.0.1";
    url.port = cluster.port();
    MasterApi master(client, url);
    env::PosixClock clock;
    RunShell shell(client, master, clock, console, spec);
    asio::co_spawn(loop, shell.run(), [&](std::exception_ptr error, Result<int> code) {
        EXPECT_FALSE(error);
        outputs.code = std::move(code);
        loop.stop();
    });
    loop.run_for(20s);
    return outputs;
}

TEST(RunShell, ShowsOutputAcknowledgesAndEndsWithTheStatus) {
    FakeCluster cluster;
    const Outputs outputs = run_on(cluster);
    ASSERT_TRUE(outputs.code && *outputs.code);
    EXPECT_EQ(**outputs.code, 3);
    EXPECT_EQ(outputs.out, "hello\n");
    EXPECT_EQ(outputs.err, "oops\n");
    const auto calls = cluster.calls();
    std::vector<Call::Type> types;
    for (const Call& call : calls) types.push_back(call.type());
    EXPECT_THAT(types, testing::ElementsAre(Call::SUBSCRIBE, Call::ACCEPT, Call::SUPPRESS,
                                            Call::ACKNOWLEDGE, Call::ACKNOWLEDGE, Call::TEARDOWN));
    const auto ids = cluster.stream_ids();
    EXPECT_EQ(ids.front(), "");
    EXPECT_THAT(std::vector<std::string>(ids.begin() + 1, ids.end()), testing::Each("stream-1"));
}

TEST(RunShell, TakesUpAgainAfterABrokenStream) {
    FakeCluster cluster;
    cluster.cut_after_launch = true;
    cluster.failure_message = "Command terminated with signal Killed";
    const Outputs outputs = run_on(cluster);
    ASSERT_TRUE(outputs.code && *outputs.code);
    EXPECT_EQ(**outputs.code, 137);
    EXPECT_EQ(outputs.out, "hello\n");
    const auto calls = cluster.calls();
    const auto again = std::find_if(calls.begin() + 1, calls.end(), [](const Call& call) {
        return call.type() == Call::SUBSCRIBE;
    });
    ASSERT_NE(again, calls.end());
    EXPECT_EQ(again->framework_id().value(), "F");
    EXPECT_EQ(cluster.stream_ids().back(), "stream-2");
}

}  // namespace
}  // namespace tepui::cli
