#include "bench/load/simulated_agents.h"

#include <chrono>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/prng.h"
#include "wire/recordio.h"

namespace tepui::bench {
namespace {

using mesos::v1::TaskState;
using mesos::v1::TaskStatus;

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

void add_scalar(mesos::v1::AgentInfo& info, const char* name, double value) {
    auto* resource = info.add_resources();
    resource->set_name(name);
    resource->set_type(mesos::v1::Value::SCALAR);
    resource->mutable_scalar()->set_value(value);
}

}  // namespace

/// One connection and the agents on it.
class SimulatedAgents::Link {
public:
    Link(SimulatedAgents& owner, unsigned first, unsigned count, std::uint64_t seed)
        : owner_(owner),
          first_(first),
          count_(count),
          client_(owner.io_.get_executor()),
          prng_(seed) {}

    asio::awaitable<void> run() {
        Result<void> result;
        try {
            result = co_await serve();
        } catch (const std::exception& exception) {
            result = fail(Errc::internal, "{}", exception.what());
        }
        if (result) result = fail(Errc::io, "the master closed a link of agents");
        owner_.handlers_.failed(result.error());
    }

private:
    asio::awaitable<Result<void>> serve() {
        http::ClientRequest request;
        request.url = owner_.settings_.master;
        request.url.target = "/tepui/agent-link";
        std::string protocol = "tepui-agent-link";
        TEPUI_CO_ASSIGN(duplex_, co_await client_.upgrade(std::move(request), std::move(protocol)));
        for (unsigned i = 0; i < count_; ++i) register_agent(first_ + i);
        flush();
        wire::RecordDecoder decoder;
        for (;;) {
            TEPUI_CO_ASSIGN(const std::string bytes, co_await duplex_->read());
            if (bytes.empty()) co_return Result<void>{};
            TEPUI_CO_CHECK_OK(decoder.feed(bytes));
            while (const auto record = decoder.next()) {
                if (!in_.ParseFromString(*record))
                    co_return fail(Errc::io, "a frame is not protobuf");
                TEPUI_CO_CHECK_OK(take());
            }
            flush();
        }
    }

    /// `number` is the agent's channel and, since an address names one agent only, its port.
    void register_agent(unsigned number) {
        link::ToMaster frame;
        frame.set_agent_id("");
        frame.set_channel(number);
        auto* message = frame.mutable_register_agent();
        message->set_version("1.12.0");
        for (const char* name : {"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"})
            message->add_capabilities(name);
        message->mutable_agent()->set_hostname(fmt::format("simulated-{}", number));
        message->mutable_agent()->set_port(static_cast<std::int32_t>(number));
        add_scalar(*message->mutable_agent(), "cpus", owner_.settings_.cpus);
        add_scalar(*message->mutable_agent(), "mem", owner_.settings_.mem_mb);
        queue(frame);
    }

    Result<void> take() {
        switch (in_.message_case()) {
            case link::ToAgent::kAgentRegistered: on_registered(); break;
            case link::ToAgent::kRunTask: on_run_task(); break;
            case link::ToAgent::kAcknowledgeUpdate: on_acknowledged(); break;
            case link::ToAgent::kKillTask:
                update(in_.kill_task().framework_id(), in_.kill_task().task_id(),
                       TaskState::TASK_KILLED);
                break;
            case link::ToAgent::kPing:
                begin_frame();
                out_.mutable_pong();
                queue(out_);
                break;
            case link::ToAgent::kShutdownAgent:
                return fail(Errc::io, "an agent was refused: {}", in_.shutdown_agent().message());
            default: break;  // A framework's end: its tasks are the master's to forget.
        }
        return {};
    }

    void on_registered() {
        if (!registered_.insert(in_.agent_id()).second) return;
        if (++owner_.registered_ == owner_.settings_.agents) owner_.handlers_.ready();
    }

    void on_run_task() {
        const auto& run = in_.run_task();
        update(run.framework().id(), run.task().task_id(), TaskState::TASK_RUNNING);
    }

    /// The state that was acknowledged is the uuid's first byte, so no task needs to be remembered.
    void on_acknowledged() {
        const auto& acknowledged = in_.acknowledge_update();
        if (owner_.settings_.tasks_stay ||
            acknowledged.uuid().at(0) != char{TaskState::TASK_RUNNING})
            return;
        update(acknowledged.framework_id(), acknowledged.task_id(), TaskState::TASK_FINISHED);
    }

    void update(const mesos::v1::FrameworkID& framework, const mesos::v1::TaskID& task,
                TaskState state) {
        begin_frame();
        auto* message = out_.mutable_status_update();
        *message->mutable_framework_id() = framework;
        message->set_latest_state(state);
        TaskStatus& status = *message->mutable_status();
        *status.mutable_task_id() = task;
        status.mutable_agent_id()->set_value(in_.agent_id());
        status.mutable_executor_id()->set_value(task.value());
        status.set_state(state);
        status.set_source(TaskStatus::SOURCE_EXECUTOR);
        status.set_timestamp(wall_seconds());
        std::string uuid = prng_.uuid_bytes();
        uuid[0] = static_cast<char>(state);
        status.set_uuid(std::move(uuid));
        queue(out_);
    }

    void begin_frame() {
        out_.Clear();
        out_.set_agent_id(in_.agent_id());
    }

    void queue(const link::ToMaster& frame) {
        frame.SerializeToString(&bytes_);
        waiting_ += wire::encode_record(bytes_);
    }

    /// All answers to what came in one read go out in one piece.
    void flush() {
        if (!waiting_.empty()) duplex_->push(std::exchange(waiting_, {}));
    }

    SimulatedAgents& owner_;
    const unsigned first_;
    const unsigned count_;
    http::Client client_;
    Prng prng_;
    std::shared_ptr<http::Duplex> duplex_;
    std::set<std::string> registered_;
    link::ToAgent in_;  // Both are used again for each frame: their memory stays.
    link::ToMaster out_;
    std::string bytes_;
    std::string waiting_;
};

SimulatedAgents::SimulatedAgents(asio::io_context& io, Settings settings, Handlers handlers)
    : io_(io), settings_(std::move(settings)), handlers_(std::move(handlers)) {}

SimulatedAgents::~SimulatedAgents() = default;

void SimulatedAgents::start() {
    const unsigned links = std::min(settings_.connections, settings_.agents);
    for (unsigned i = 0; i < links; ++i) {
        const unsigned first = settings_.agents * i / links;
        const unsigned end = settings_.agents * (i + 1) / links;
        links_.push_back(std::make_unique<Link>(*this, 1 + first, end - first, i));
        asio::co_spawn(io_, links_.back()->run(), asio::detached);
    }
}

}  // namespace tepui::bench
