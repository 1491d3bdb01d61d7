#include "bench/load/simulated_agents.h"

#include <chrono>
#include <map>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/prng.h"
#include "wire/recordio.h"

namespace tepui::bench {
namespace {

/// Between two attempts to reach a master that is not there.
constexpr std::chrono::milliseconds k_retry{20};

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
        do {
            try {
                result = co_await serve();
            } catch (const std::exception& exception) {
                result = fail(Errc::internal, "{}", exception.what());
            }
            if (result) result = fail(Errc::io, "the master closed a link of agents");
            // Before all are there, a broken connection is a failure in any case.
            if (!owner_.settings_.come_back || agents_.size() < count_ || was_refused_) break;
            co_await rest();
        } while (true);
        owner_.handlers_.failed(result.error());
    }

    void update(const std::string& agent, const mesos::v1::FrameworkID& framework,
                const mesos::v1::TaskID& task, TaskState state, bool ends = false) {
        out_.Clear();
        out_.set_agent_id(agent);
        auto* message = out_.mutable_status_update();
        *message->mutable_framework_id() = framework;
        message->set_latest_state(state);
        TaskStatus& status = *message->mutable_status();
        *status.mutable_task_id() = task;
        status.mutable_agent_id()->set_value(agent);
        status.mutable_executor_id()->set_value(task.value());
        status.set_state(state);
        status.set_source(TaskStatus::SOURCE_EXECUTOR);
        status.set_timestamp(wall_seconds());
        std::string uuid = prng_.uuid_bytes();
        uuid[0] = static_cast<char>(state);
        uuid[1] = static_cast<char>(ends);
        status.set_uuid(std::move(uuid));
        queue(out_);
    }

    /// All answers to what came in one read go out in one piece.
    void flush() {
        if (!waiting_.empty() && duplex_) duplex_->push(std::exchange(waiting_, {}));
    }

private:
    /// What an agent brings when it comes back; tasks are kept only if agents do.
    struct KnownAgent {
        unsigned number = 0;
        bool is_back = true;
        std::map<std::string, mesos::v1::Task> tasks = {};
    };

    asio::awaitable<void> rest() {
        waiting_.clear();
        for (auto& [id, agent] : agents_) {
            if (std::exchange(agent.is_back, false)) --owner_.registered_;
        }
        asio::steady_timer timer(co_await asio::this_coro::executor, k_retry);
        co_await timer.async_wait(asio::use_awaitable);
    }

    asio::awaitable<Result<void>> serve() {
        http::ClientRequest request;
        request.url = owner_.settings_.master;
        request.url.target = "/tepui/agent-link";
        std::string protocol = "tepui-agent-link";
        TEPUI_CO_ASSIGN(duplex_, co_await client_.upgrade(std::move(request), std::move(protocol)));
        if (agents_.empty()) {
            for (unsigned i = 0; i < count_; ++i) register_agent(first_ + i);
        }
        for (const auto& [id, agent] : agents_) reregister_agent(id, agent);
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
        describe(*frame.mutable_register_agent(), number);
        queue(frame);
    }

    void reregister_agent(const std::string& id, const KnownAgent& agent) {
        link::ToMaster frame;
        frame.set_agent_id(id);
        frame.set_channel(agent.number);
        auto& message = *frame.mutable_reregister_agent();
        describe(message, agent.number);
        message.mutable_agent()->mutable_id()->set_value(id);
        std::set<std::string> named;
        for (const auto& [key, task] : agent.tasks) {
            *message.add_tasks() = task;
            const std::string& framework = task.framework_id().value();
            if (named.insert(framework).second)
                *message.add_frameworks() = frameworks_.at(framework);
        }
        queue(frame);
    }

    /// RegisterAgent and ReregisterAgent say the same of the agent.
    template <typename Message>
    void describe(Message& message, unsigned number) {
        message.set_version("1.12.0");
        for (const char* name : {"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"})
            message.add_capabilities(name);
        message.mutable_agent()->set_hostname(fmt::format("simulated-{}", number));
        message.mutable_agent()->set_port(static_cast<std::int32_t>(number));
        add_scalar(*message.mutable_agent(), "cpus", owner_.settings_.cpus);
        add_scalar(*message.mutable_agent(), "mem", owner_.settings_.mem_mb);
    }

    Result<void> take() {
        switch (in_.message_case()) {
            case link::ToAgent::kAgentRegistered: on_registered(); break;
            case link::ToAgent::kAgentReregistered:
                on_back(agents_.at(in_.agent_reregistered().agent_id().value()));
                break;
            case link::ToAgent::kRunTask: on_run_task(); break;
            case link::ToAgent::kAcknowledgeUpdate: on_acknowledged(); break;
            case link::ToAgent::kKillTask:
                end(in_.kill_task().framework_id(), in_.kill_task().task_id(),
                    TaskState::TASK_KILLED);
                break;
            case link::ToAgent::kPing:
                out_.Clear();
                out_.set_agent_id(in_.agent_id());
                out_.mutable_pong();
                queue(out_);
                break;
            case link::ToAgent::kShutdownAgent:
                was_refused_ = true;
                return fail(Errc::io, "an agent was refused: {}", in_.shutdown_agent().message());
            default: break;  // A framework's end: its tasks are the master's to forget.
        }
        return {};
    }

    void on_registered() {
        const auto number = static_cast<unsigned>(in_.channel());
        if (!agents_.try_emplace(in_.agent_id(), KnownAgent{number}).second) return;
        note_ready();
    }

    void on_back(KnownAgent& agent) {
        if (!std::exchange(agent.is_back, true)) note_ready();
    }

    void note_ready() {
        if (++owner_.registered_ == owner_.settings_.agents) owner_.handlers_.ready();
    }

    void on_run_task() {
        const auto& run = in_.run_task();
        const bool ends = run.task().name() == ending_task;
        if (owner_.settings_.come_back) remember(run);
        update(in_.agent_id(), run.framework().id(), run.task().task_id(), TaskState::TASK_RUNNING,
               ends);
    }

    void remember(const link::RunTask& run) {
        const std::string& framework = run.framework().id().value();
        frameworks_.try_emplace(framework, run.framework());
        mesos::v1::Task task;
        task.set_name(run.task().name());
        *task.mutable_task_id() = run.task().task_id();
        *task.mutable_framework_id() = run.framework().id();
        task.mutable_agent_id()->set_value(in_.agent_id());
        task.set_state(TaskState::TASK_RUNNING);
        task.set_status_update_state(TaskState::TASK_RUNNING);
        *task.mutable_resources() = run.task().resources();
        agents_.at(in_.agent_id())
            .tasks.insert_or_assign(task_key(task.framework_id(), task.task_id()), std::move(task));
    }

    static std::string task_key(const mesos::v1::FrameworkID& framework,
                                const mesos::v1::TaskID& task) {
        return framework.value() + "/" + task.value();
    }

    /// What was acknowledged is in the uuid's first bytes: the state, and whether the task ends
    /// though others stay. So no task needs to be remembered for it.
    void on_acknowledged() {
        const auto& acknowledged = in_.acknowledge_update();
        if (owner_.handlers_.acknowledged) {
            return owner_.handlers_.acknowledged(
                {this, in_.agent_id(), acknowledged.framework_id(), acknowledged.task_id()});
        }
        const bool ends = acknowledged.uuid().at(1) != 0 || !owner_.settings_.tasks_stay;
        if (!ends || acknowledged.uuid().at(0) != char{TaskState::TASK_RUNNING}) return;
        end(acknowledged.framework_id(), acknowledged.task_id(), TaskState::TASK_FINISHED);
    }

    void end(const mesos::v1::FrameworkID& framework, const mesos::v1::TaskID& task,
             TaskState state) {
        agents_.at(in_.agent_id()).tasks.erase(task_key(framework, task));
        update(in_.agent_id(), framework, task, state);
    }

    void queue(const link::ToMaster& frame) {
        frame.SerializeToString(&bytes_);
        waiting_ += wire::encode_record(bytes_);
    }

    SimulatedAgents& owner_;
    const unsigned first_;
    const unsigned count_;
    http::Client client_;
    Prng prng_;
    std::shared_ptr<http::Duplex> duplex_;
    std::map<std::string, KnownAgent> agents_;  // By id, registered at least once.
    std::map<std::string, mesos::v1::FrameworkInfo> frameworks_;
    bool was_refused_ = false;
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

void SimulatedAgents::update(const TaskRef& task) {
    task.link->update(task.agent, task.framework, task.task, TaskState::TASK_RUNNING);
}

void SimulatedAgents::finish(const TaskRef& task) {
    task.link->update(task.agent, task.framework, task.task, TaskState::TASK_FINISHED);
}

void SimulatedAgents::flush() {
    for (const auto& link : links_) link->flush();
}

}  // namespace tepui::bench
