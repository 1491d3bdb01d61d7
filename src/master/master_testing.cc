#include "master/master_testing.h"

#include <gtest/gtest.h>

#include "resources/resources.h"
#include "wire/recordio.h"

namespace tepui::master {
namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

std::string content_type(wire::Media media) {
    return std::string(media == wire::Media::json ? wire::media_json : wire::media_protobuf);
}

}  // namespace

TestIo::TestIo() : thread_([this] { context_.run(); }) {}

TestIo::~TestIo() {
    work_.reset();
    context_.stop();
    thread_.join();
}

void RecordQueue::push(std::string record) {
    const std::scoped_lock lock(mutex_);
    records_.push_back(std::move(record));
    changed_.notify_all();
}

void RecordQueue::end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
}

std::optional<std::string> RecordQueue::next() {
    std::unique_lock lock(mutex_);
    const bool in_time =
        changed_.wait_for(lock, test_deadline, [this] { return ended_ || !records_.empty(); });
    if (!in_time) throw std::runtime_error("nothing came in time");
    if (records_.empty()) return std::nullopt;
    std::string record = std::move(records_.front());
    records_.pop_front();
    return record;
}

http::ClientRequest TestClient::make(std::string method, std::string target,
                                     std::string body) const {
    http::ClientRequest request;
    request.method = std::move(method);
    request.url = http::Url{"http", "127.0.0.1", port_, std::move(target)};
    request.body = std::move(body);
    request.deadline = test_deadline;
    return request;
}

http::Response TestClient::send(http::ClientRequest request) {
    auto response = io_.run(client_.request(std::move(request)));
    if (!response) throw std::runtime_error(response.error().text);
    return std::move(*response);
}

http::Response TestClient::post_json(std::string target, std::string json) {
    auto request = make("POST", std::move(target), std::move(json));
    request.headers.set("Content-Type", "application/json");
    return send(std::move(request));
}

mesos::v1::master::Response TestClient::call(const mesos::v1::master::Call& call,
                                             wire::Media media) {
    auto request = make("POST", "/api/v1", wire::encode(media, call));
    request.headers.set("Content-Type", content_type(media));
    request.headers.set("Accept", content_type(media));
    const http::Response response = send(std::move(request));
    EXPECT_EQ(response.status, 200U) << *response.body;
    EXPECT_EQ(response.headers.find("Content-Type"), content_type(media));
    mesos::v1::master::Response answer;
    const auto decoded = wire::decode(media, *response.body, answer);
    EXPECT_TRUE(decoded) << decoded.error().text;
    return answer;
}

http::ClientRequest TestScheduler::make_request(const Call& call) const {
    auto request = client_.make("POST", "/api/v1/scheduler", wire::encode(media_, call));
    request.headers.set("Content-Type", content_type(media_));
    request.headers.set("Accept", content_type(media_));
    return request;
}

Event TestScheduler::subscribe(mesos::v1::FrameworkInfo info) {
    disconnect();
    Call call;
    call.set_type(Call::SUBSCRIBE);
    if (!framework_id_.value().empty()) *info.mutable_id() = framework_id_;
    if (info.has_id()) *call.mutable_framework_id() = info.id();
    *call.mutable_subscribe()->mutable_framework_info() = std::move(info);
    auto stream = client_.io().run(client_.client().open(make_request(call)));
    if (!stream) throw std::runtime_error(stream.error().text);
    stream_ = std::move(*stream);
    EXPECT_EQ(stream_->status(), 200U);
    EXPECT_EQ(stream_->headers().find("Content-Type"), content_type(media_));
    stream_id_ = std::string(stream_->headers().find("Mesos-Stream-Id").value_or(""));
    EXPECT_FALSE(stream_id_.empty());
    records_ = std::make_shared<RecordQueue>();
    asio::co_spawn(client_.io().context(), pump_records(stream_, records_), asio::detached);
    Event event = next(Event::SUBSCRIBED);
    framework_id_ = event.subscribed().framework_id();
    return event;
}

void TestScheduler::disconnect() {
    if (!stream_) return;
    asio::post(client_.io().context(), [stream = stream_] { stream->close(); });
    stream_.reset();
}

Event TestScheduler::next(Event::Type type) {
    while (const auto record = records_->next()) {
        Event event;
        const auto decoded = wire::decode(media_, *record, event);
        if (!decoded) throw std::runtime_error(decoded.error().text);
        if (event.type() == type) return event;
    }
    throw std::runtime_error("the stream ended before " + Event::Type_Name(type));
}

bool TestScheduler::stream_ended() {
    while (records_->next()) {
    }
    return true;
}

unsigned TestScheduler::send(Call call) {
    *call.mutable_framework_id() = framework_id_;
    auto request = make_request(call);
    request.headers.set("Mesos-Stream-Id", stream_id_);
    return client_.send(std::move(request)).status;
}

TestAgent::TestAgent(TestIo& io, std::uint16_t port) : io_(io), client_(io, port) {
    auto duplex = io_.run(
        client_.client().upgrade(client_.make("GET", "/tepui/agent-link"), "tepui-agent-link"));
    if (!duplex) throw std::runtime_error(duplex.error().text);
    duplex_ = std::move(*duplex);
    asio::co_spawn(io_.context(), pump_records(duplex_, records_), asio::detached);
}

void TestAgent::send(const link::ToMaster& frame) {
    duplex_->push(wire::encode_record(frame.SerializeAsString()));
}

link::ToAgent TestAgent::next(link::ToAgent::MessageCase message) {
    while (const auto record = records_->next()) {
        link::ToAgent frame;
        if (!frame.ParseFromString(*record))
            throw std::runtime_error("a bad frame from the master");
        if (frame.message_case() == message) return frame;
        if (frame.has_ping()) {
            link::ToMaster pong;
            pong.set_agent_id(frame.agent_id());
            pong.mutable_pong();
            send(pong);
        }
    }
    throw std::runtime_error("the link ended");
}

link::AgentRegistered TestAgent::register_agent(mesos::v1::AgentInfo info) {
    link::ToMaster frame;
    frame.set_agent_id("");
    auto* message = frame.mutable_register_agent();
    *message->mutable_agent() = std::move(info);
    message->set_version("1.12.0");
    message->add_capabilities("MULTI_ROLE");
    message->add_capabilities("RESERVATION_REFINEMENT");
    message->add_capabilities("AGENT_OPERATION_FEEDBACK");
    send(frame);
    const link::AgentRegistered registered =
        next(link::ToAgent::kAgentRegistered).agent_registered();
    id_ = registered.agent_id().value();
    return registered;
}

bool TestAgent::link_ended() {
    while (records_->next()) {
    }
    return true;
}

void TestAgent::close() {
    if (duplex_) duplex_->close();
    duplex_.reset();
}

mesos::v1::AgentInfo test_agent_info(const std::string& hostname) {
    mesos::v1::AgentInfo info;
    info.set_hostname(hostname);
    info.set_port(5051);
    *info.mutable_resources() =
        Resources::parse_flag("cpus:4;mem:1024;ports:[31000-31100]")->to_proto();
    return info;
}

mesos::v1::FrameworkInfo test_framework_info() {
    mesos::v1::FrameworkInfo info;
    info.set_user("nobody");
    info.set_name("test");
    info.add_roles("*");
    info.set_failover_timeout(600);
    info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE);
    info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
    info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::RESERVATION_REFINEMENT);
    return info;
}

}  // namespace tepui::master
