#include "bench/load/scheduler.h"

#include <charconv>
#include <cmath>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "wire/media.h"
#include "wire/recordio.h"

namespace tepui::bench {
namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

constexpr std::string_view k_path = "/api/v1/scheduler";
constexpr double k_filter_seconds = 3600;
constexpr unsigned k_accepted = 202;

void add_scalar(google::protobuf::RepeatedPtrField<mesos::v1::Resource>& resources,
                const char* name, double value) {
    auto* resource = resources.Add();
    resource->set_name(name);
    resource->set_type(mesos::v1::Value::SCALAR);
    resource->mutable_scalar()->set_value(value);
}

}  // namespace

Scheduler::Scheduler(asio::io_context& io, Settings settings, Handlers handlers)
    : io_(io),
      settings_(std::move(settings)),
      handlers_(std::move(handlers)),
      client_(io.get_executor()) {}

void Scheduler::start() { asio::co_spawn(io_, run(), asio::detached); }

asio::awaitable<void> Scheduler::run() {
    Result<void> result;
    try {
        result = co_await subscribe();
    } catch (const std::exception& exception) {
        result = fail(Errc::internal, "{}", exception.what());
    }
    if (result) result = fail(Errc::io, "the master ended the event stream");
    handlers_.failed({result.error().code, settings_.name + ": " + result.error().text});
}

asio::awaitable<Result<void>> Scheduler::subscribe() {
    Call call;
    call.set_type(Call::SUBSCRIBE);
    auto* info = call.mutable_subscribe()->mutable_framework_info();
    info->set_user("root");
    info->set_name(settings_.name);
    info->add_roles("*");
    info->add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE);
    http::ClientRequest request;
    request.method = "POST";
    request.url = settings_.master;
    request.url.target = k_path;
    request.headers = {{"Content-Type", std::string(wire::media_protobuf)},
                       {"Accept", std::string(wire::media_protobuf)}};
    request.body = call.SerializeAsString();
    TEPUI_CO_ASSIGN(stream_, co_await client_.open(std::move(request)));
    const auto stream_id = stream_->headers().find("Mesos-Stream-Id");
    if (stream_->status() != 200 || !stream_id) {
        TEPUI_CO_ASSIGN(const std::string why, co_await stream_->read());
        co_return fail(Errc::io, "SUBSCRIBE was answered {}: {}", stream_->status(), why);
    }
    TEPUI_CO_CHECK_OK(begin(std::string(*stream_id)));
    wire::RecordDecoder decoder;
    for (;;) {
        TEPUI_CO_ASSIGN(const std::string bytes, co_await stream_->read());
        if (bytes.empty()) co_return Result<void>{};
        TEPUI_CO_CHECK_OK(decoder.feed(bytes));
        while (const auto record = decoder.next()) {
            TEPUI_CO_CHECK_OK(take(*record));
        }
    }
}

Result<void> Scheduler::begin(const std::string& stream_id) {
    head_ = fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: {}\r\nMesos-Stream-Id: {}\r\n", k_path,
        settings_.master.host, settings_.master.port, wire::media_protobuf, stream_id);
    for (unsigned i = 0; i < settings_.connections; ++i) {
        connections_.push_back(std::make_unique<ApiConnection>(
            io_, ApiConnection::Handlers{[this](const auto& answer) { answered(answer); },
                                         handlers_.failed}));
        TEPUI_CHECK_OK(connections_.back()->connect(settings_.master));
    }
    return {};
}

Result<void> Scheduler::take(const std::string& record) {
    if (!event_.ParseFromString(record)) return fail(Errc::io, "an event is not protobuf");
    if (event_.type() == Event::ERROR)
        return fail(Errc::io, "the master says: {}", event_.error().message());
    if (event_.type() == Event::SUBSCRIBED) framework_ = event_.subscribed().framework_id();
    handlers_.event(event_);
    return {};
}

void Scheduler::answered(const ApiConnection::Answer& answer) {
    if (answer.status == k_accepted) return handlers_.accepted(answer.tag);
    handlers_.failed({Errc::io, fmt::format("{}: a call was answered {}: {}", settings_.name,
                                            answer.status, answer.body)});
}

void Scheduler::send(Call& call, std::uint64_t tag) {
    *call.mutable_framework_id() = framework_;
    call.SerializeToString(&body_);
    connections_[next_connection_++ % connections_.size()]->post(head_, body_, tag);
}

void Scheduler::acknowledge(const mesos::v1::TaskStatus& status, std::uint64_t tag) {
    if (!status.has_uuid()) return;
    Call call;
    call.set_type(Call::ACKNOWLEDGE);
    *call.mutable_acknowledge()->mutable_agent_id() = status.agent_id();
    *call.mutable_acknowledge()->mutable_task_id() = status.task_id();
    call.mutable_acknowledge()->set_uuid(status.uuid());
    send(call, tag);
}

void Scheduler::decline(const std::vector<mesos::v1::OfferID>& offers) {
    if (offers.empty()) return;
    Call call;
    call.set_type(Call::DECLINE);
    for (const auto& offer : offers) *call.mutable_decline()->add_offer_ids() = offer;
    call.mutable_decline()->mutable_filters()->set_refuse_seconds(k_filter_seconds);
    send(call);
}

std::size_t slots(const mesos::v1::Offer& offer, const TaskShape& shape) {
    double cpus = 0;
    double mem = 0;
    for (const auto& resource : offer.resources()) {
        if (resource.name() == "cpus") cpus += resource.scalar().value();
        if (resource.name() == "mem") mem += resource.scalar().value();
    }
    // Resources are counted in thousandths; half of one hides what a double cannot hold.
    constexpr double half = 0.0005;
    return static_cast<std::size_t>(
        std::min(std::floor((cpus + half) / shape.cpus), std::floor((mem + half) / shape.mem_mb)));
}

Call accept_call(const mesos::v1::Offer& offer, const TaskShape& shape, std::uint64_t first,
                 std::size_t count) {
    Call call;
    call.set_type(Call::ACCEPT);
    auto* accept = call.mutable_accept();
    *accept->add_offer_ids() = offer.id();
    auto* operation = accept->add_operations();
    operation->set_type(mesos::v1::Offer::Operation::LAUNCH);
    for (std::size_t i = 0; i < count; ++i) {
        auto* task = operation->mutable_launch()->add_task_infos();
        task->mutable_task_id()->set_value(std::to_string(first + i));
        task->set_name(shape.name);
        *task->mutable_agent_id() = offer.agent_id();
        add_scalar(*task->mutable_resources(), "cpus", shape.cpus);
        add_scalar(*task->mutable_resources(), "mem", shape.mem_mb);
        task->mutable_command()->set_shell(false);
        if (!shape.image.empty()) {
            auto& container = *task->mutable_container();
            container.set_type(mesos::v1::ContainerInfo::MESOS);
            container.mutable_mesos()->mutable_image()->set_type(mesos::v1::Image::DOCKER);
            container.mutable_mesos()->mutable_image()->mutable_docker()->set_name(shape.image);
        }
        task->mutable_command()->set_value(shape.program);
        task->mutable_command()->add_arguments(shape.program);
        for (const auto& argument : shape.arguments)
            task->mutable_command()->add_arguments(argument);
    }
    // What is left is wanted back at once.
    accept->mutable_filters()->set_refuse_seconds(0);
    return call;
}

Result<std::uint64_t> task_number(const mesos::v1::TaskStatus& status) {
    const std::string& text = status.task_id().value();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(Errc::io, "a status of task '{}', which is not ours", text);
    return number;
}

}  // namespace tepui::bench
