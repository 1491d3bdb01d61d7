#include "agent/agent_testing.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "wire/media.h"
#include "wire/recordio.h"

namespace tepui::agent::testing {

class FakeContainerizer final : public containerizer::Containerizer {
public:
    explicit FakeContainerizer(FakeMachine& machine) : machine_(machine) {}
    ~FakeContainerizer() override {
        const std::scoped_lock lock(machine_.mutex_);
        for (auto& [id, container] : machine_.containers_) container.on_exited = nullptr;
    }

    void launch(containerizer::LaunchSpec spec, OnStarted started, OnExited exited) override {
        std::int64_t pid = 0;
        {
            const std::scoped_lock lock(machine_.mutex_);
            if (!machine_.launch_error) {
                pid = 1000 + machine_.launches_++;
                std::filesystem::create_directories(spec.sandbox);
                FakeMachine::Container& container = machine_.containers_[spec.container];
                container.spec = spec;
                container.pid = pid;
                container.on_exited = std::move(exited);
            }
        }
        if (pid == 0) {
            started(std::unexpected(*machine_.launch_error));
            return;
        }
        started(containerizer::Started{pid});
        machine_.changed_.notify_all();
    }

    void signal(const ContainerId& container, int signal) override {
        {
            const std::scoped_lock lock(machine_.mutex_);
            machine_.containers_.at(container).signals.push_back(signal);
        }
        machine_.exit(container, signal);
    }
    Result<void> update(const ContainerId& container,
                        const containerizer::ContainerResources& resources,
                        std::uint64_t) override {
        const std::scoped_lock lock(machine_.mutex_);
        machine_.containers_.at(container).updates.push_back(resources);
        machine_.changed_.notify_all();
        return {};
    }
    void destroy(const ContainerId& container) override { machine_.exit(container, SIGKILL); }

    Result<std::vector<containerizer::Found>> recover(
        const std::vector<ContainerId>& expected,
        std::function<void(const ContainerId&, containerizer::Exited)> exited) override {
        const std::scoped_lock lock(machine_.mutex_);
        std::vector<containerizer::Found> found;
        for (auto& [id, container] : machine_.containers_) {
            if (std::find(expected.begin(), expected.end(), id) == expected.end()) {
                container.running = false;
                continue;
            }
            containerizer::Found one{id, container.pid, container.running, std::nullopt};
            if (!container.running) {
                one.exited = containerizer::Exited{container.status, std::nullopt};
            } else {
                container.on_exited = [exited, id](containerizer::Exited end) { exited(id, end); };
            }
            found.push_back(std::move(one));
        }
        return found;
    }

    void probe(const ContainerId& container, containerizer::ProbeSpec spec,
               OnProbed done) override {
        std::optional<std::int32_t> status;
        {
            const std::scoped_lock lock(machine_.mutex_);
            machine_.containers_.at(container).probes.push_back(spec);
            status = machine_.probe_status;
        }
        machine_.changed_.notify_all();
        if (status) done(*status);
    }
    void cancel_probes(const ContainerId& container) override {
        const std::scoped_lock lock(machine_.mutex_);
        ++machine_.containers_.at(container).probes_cancelled;
    }

    Result<mesos::v1::ResourceStatistics> usage(const ContainerId& container) override {
        const std::scoped_lock lock(machine_.mutex_);
        if (!machine_.containers_.at(container).running) return fail(Errc::not_found, "it ended");
        mesos::v1::ResourceStatistics statistics;
        statistics.set_timestamp(1);
        statistics.set_mem_total_bytes(4096);
        return statistics;
    }
    std::vector<std::string> warnings() const override { return {"a thing this machine lacks"}; }

private:
    FakeMachine& machine_;
};

std::unique_ptr<containerizer::Containerizer> FakeMachine::containerizer() {
    return std::make_unique<FakeContainerizer>(*this);
}

ContainerId FakeMachine::wait_for_launch(const std::string& task) {
    std::unique_lock lock(mutex_);
    ContainerId found;
    const bool came = changed_.wait_for(lock, wait_max, [&] {
        for (const auto& [id, container] : containers_) {
            const auto& variables = container.spec.environment;
            auto it = variables.find("MESOS_TASK_ID");
            if (it == variables.end()) it = variables.find("MESOS_EXECUTOR_ID");
            if (it == variables.end() || it->second != task) continue;
            found = id;
            return true;
        }
        return false;
    });
    if (!came) throw std::runtime_error("task " + task + " was never launched");
    return found;
}

void FakeMachine::exit(const ContainerId& container, std::int32_t status) {
    std::function<void(containerizer::Exited)> tell;
    {
        const std::scoped_lock lock(mutex_);
        Container& fake = containers_.at(container);
        if (!fake.running) return;
        fake.running = false;
        fake.status = status;
        tell = std::exchange(fake.on_exited, nullptr);
    }
    if (tell) tell({status, std::nullopt});
}

FakeMachine::Container FakeMachine::get(const ContainerId& container) {
    const std::scoped_lock lock(mutex_);
    return containers_.at(container);
}

int FakeMachine::launches() {
    const std::scoped_lock lock(mutex_);
    return launches_;
}

FakeMaster::FakeMaster() {
    http::Router router;
    router.add("/tepui/agent-link", {"GET", "POST"},
               [this](http::Request request) { return serve(std::move(request)); });
    http::ServerOptions options;
    options.threads = 1;
    server_ = std::make_unique<http::Server>(options, std::move(router));
    if (const auto started = server_->start(); !started) {
        throw std::runtime_error(started.error().text);
    }
}

FakeMaster::~FakeMaster() {
    cut();
    server_->stop();
}

std::string FakeMaster::address() const { return fmt::format("127.0.0.1:{}", server_->port()); }

void FakeMaster::redirect_to(const std::string& address) {
    const std::scoped_lock lock(mutex_);
    redirect_ = address;
}

asio::awaitable<http::Response> FakeMaster::serve(http::Request request) {
    http::Response response;
    const std::scoped_lock lock(mutex_);
    if (redirect_) {
        response = http::Response::empty(307);
        response.headers.set("Location", "//" + *redirect_ + request.path);
        co_return response;
    }
    if (request.headers.find("Upgrade") != "tepui-agent-link") {
        co_return http::Response::text(400, "not an upgrade");
    }
    response.status = 101;
    response.headers.set("Upgrade", "tepui-agent-link");
    response.headers.set("Connection", "Upgrade");
    response.upgrade = [this](std::shared_ptr<http::Duplex> duplex) {
        {
            const std::scoped_lock inner(mutex_);
            duplex_ = duplex;
        }
        asio::co_spawn(server_->executor(), read(std::move(duplex)), asio::detached);
    };
    co_return response;
}

asio::awaitable<void> FakeMaster::read(std::shared_ptr<http::Duplex> duplex) {
    wire::RecordDecoder decoder;
    for (;;) {
        const auto bytes = co_await duplex->read();
        if (!bytes || bytes->empty() || !decoder.feed(*bytes)) co_return;
        while (const auto record = decoder.next()) {
            link::ToMaster frame;
            if (!wire::decode(wire::Media::protobuf, *record, frame)) co_return;
            on_frame(std::move(frame));
        }
    }
}

void FakeMaster::on_frame(link::ToMaster frame) {
    link::ToAgent reply;
    const auto fill = [](auto& registered) {
        registered.mutable_agent_id()->set_value("a1");
        registered.set_epoch(1);
        registered.set_ping_timeout_seconds(75);
        registered.set_master_id("m1");
        registered.set_master_hostname("master.example");
    };
    if (frame.has_register_agent()) fill(*reply.mutable_agent_registered());
    if (frame.has_reregister_agent()) fill(*reply.mutable_agent_reregistered());
    if (frame.has_unregister_agent()) {
        reply.mutable_shutdown_agent()->set_message("Agent unregistered");
    }
    if (frame.has_status_update()) {
        auto& acknowledgement = *reply.mutable_acknowledge_update();
        *acknowledgement.mutable_framework_id() = frame.status_update().framework_id();
        *acknowledgement.mutable_task_id() = frame.status_update().status().task_id();
        acknowledgement.set_uuid(frame.status_update().status().uuid());
    }
    // First the answer: a test that has seen the frame may count on what it sends to come after it.
    if (reply.message_case() != link::ToAgent::MESSAGE_NOT_SET) send(std::move(reply));
    {
        const std::scoped_lock lock(mutex_);
        frames_.push_back(std::move(frame));
    }
    changed_.notify_all();
}

void FakeMaster::send(link::ToAgent frame) {
    frame.set_agent_id("a1");
    const std::scoped_lock lock(mutex_);
    if (duplex_) {
        duplex_->push(wire::encode_record(wire::encode(wire::Media::protobuf, frame)));
    }
}

void FakeMaster::run_task(const mesos::v1::TaskInfo& task, bool checkpoint) {
    link::ToAgent frame;
    auto& framework = *frame.mutable_run_task()->mutable_framework();
    framework.set_user("nobody");
    framework.set_name("test");
    framework.mutable_id()->set_value("f1");
    framework.set_checkpoint(checkpoint);
    *frame.mutable_run_task()->mutable_task() = task;
    send(std::move(frame));
}

void FakeMaster::cut() {
    const std::scoped_lock lock(mutex_);
    if (duplex_) duplex_->close();
    duplex_.reset();
}

std::optional<link::ToMaster> FakeMaster::wait_for(
    const std::function<bool(const link::ToMaster&)>& fits) {
    std::unique_lock lock(mutex_);
    std::optional<link::ToMaster> found;
    changed_.wait_for(lock, wait_max, [&] {
        const auto it = std::find_if(frames_.begin(), frames_.end(), fits);
        if (it != frames_.end()) found = *it;
        return found.has_value();
    });
    return found;
}

std::optional<mesos::v1::TaskStatus> FakeMaster::wait_for_state(const std::string& task,
                                                                mesos::v1::TaskState state) {
    const auto frame = wait_for([&](const link::ToMaster& each) {
        return each.has_status_update() &&
               each.status_update().status().task_id().value() == task &&
               each.status_update().status().state() == state;
    });
    if (!frame) return std::nullopt;
    return frame->status_update().status();
}

int FakeMaster::count(const std::function<bool(const link::ToMaster&)>& fits) {
    const std::scoped_lock lock(mutex_);
    return static_cast<int>(std::count_if(frames_.begin(), frames_.end(), fits));
}

void FakeMaster::forget() {
    const std::scoped_lock lock(mutex_);
    frames_.clear();
}

http::Response fetch(std::uint16_t port, const std::string& target, const std::string& method,
                     const std::string& body, http::Headers headers) {
    asio::io_context io;
    http::Client client(io.get_executor());
    http::ClientRequest request;
    request.method = method;
    request.url.host = "127.0.0.1";
    request.url.port = port;
    request.url.target = target;
    request.body = body;
    request.headers = std::move(headers);
    request.deadline = wait_max;
    Result<http::Response> result = fail(Errc::internal, "nothing came");
    const auto exchange = [&]() -> asio::awaitable<void> {
        result = co_await client.request(std::move(request));
    };
    asio::co_spawn(io, exchange(), [&](std::exception_ptr) { io.stop(); });
    io.run();
    if (!result) throw std::runtime_error(result.error().text);
    return *result;
}

}  // namespace tepui::agent::testing
