#include "sim/executor_process.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

namespace tepui::sim {

ExecutorProcess::ExecutorProcess(ExecutorKey key, AgentId agent, Machine machine,
                                 Timeline& timeline, GroundTruth& truth, const Faults& faults)
    : key_(std::move(key)),
      agent_(std::move(agent)),
      machine_(std::move(machine)),
      timeline_(timeline),
      truth_(truth),
      faults_(faults) {}

void ExecutorProcess::after(Duration delay, void (ExecutorProcess::*action)()) {
    timeline_.after(delay, [weak = weak_from_this(), action] {
        const auto self = weak.lock();
        if (self && self->alive_) (*self.*action)();
    });
}

void ExecutorProcess::start() {
    if (timeline_.chance(faults_.executor_crash)) {
        after(timeline_.between(1ms, 30s), &ExecutorProcess::die);
    }
    // Now and then one never finds its agent.
    if (timeline_.chance(faults_.executor_silent)) return;
    after(timeline_.between(1ms, 2s), &ExecutorProcess::subscribe);
}

ExecutorProcess::Call ExecutorProcess::make(Call::Type type) const {
    Call call;
    call.set_type(type);
    call.mutable_framework_id()->set_value(key_.first.value);
    call.mutable_executor_id()->set_value(key_.second.value);
    return call;
}

void ExecutorProcess::subscribe() {
    if (stream_ || leaving_) return;
    Call call = make(Call::SUBSCRIBE);
    auto& subscribe = *call.mutable_subscribe();
    for (const auto& [id, task] : tasks_) {
        if (!task.acknowledged) *subscribe.add_unacknowledged_tasks() = task.info;
    }
    for (const Call::Update& update : unacknowledged_) {
        *subscribe.add_unacknowledged_updates() = update;
    }
    const std::uint64_t stream = machine_.subscribe(call);
    if (!alive_) return;
    if (stream == 0) {
        after(timeline_.between(1ms, 500ms), &ExecutorProcess::subscribe);
        return;
    }
    stream_ = stream;
}

void ExecutorProcess::on_stream_closed(std::uint64_t stream) {
    if (!alive_ || stream_ != stream) return;
    stream_.reset();
    after(timeline_.between(1ms, 1s), &ExecutorProcess::subscribe);
}

void ExecutorProcess::on_event(std::uint64_t stream, const Event& event) {
    if (!alive_ || stream_ != stream) return;
    switch (event.type()) {
        case Event::LAUNCH: launch(event.launch().task()); break;
        case Event::LAUNCH_GROUP:
            for (const auto& task : event.launch_group().task_group().tasks()) launch(task);
            break;
        case Event::KILL:
            end_task(event.kill().task_id().value(), mesos::v1::TASK_KILLED, SIGTERM);
            break;
        case Event::ACKNOWLEDGED: acknowledged(event.acknowledged()); break;
        case Event::MESSAGE: {
            Call echo = make(Call::MESSAGE);
            echo.mutable_message()->set_data(event.message().data());
            machine_.call(echo);
            break;
        }
        case Event::SHUTDOWN: shut_down(); break;
        default: break;
    }
}

void ExecutorProcess::launch(const mesos::v1::TaskInfo& info) {
    const std::string& id = info.task_id().value();
    timeline_.trace("executor {}: {} runs", key_.second, id);
    truth_.process_started(key_of(id));
    tasks_.insert_or_assign(id, Task{info, true, false});
    if (timeline_.chance(0.5)) update(id, mesos::v1::TASK_STARTING);
    update(id, mesos::v1::TASK_RUNNING);
    if (!timeline_.chance(0.6)) return;
    const bool good = timeline_.chance(0.7);
    timeline_.after(timeline_.between(1ms, 20s), [weak = weak_from_this(), id, good] {
        const auto self = weak.lock();
        if (!self || !self->alive_) return;
        self->end_task(id, good ? mesos::v1::TASK_FINISHED : mesos::v1::TASK_FAILED,
                       good ? 0 : 3 << 8);
    });
}

void ExecutorProcess::end_task(const std::string& id, mesos::v1::TaskState state,
                               std::int32_t status) {
    const auto it = tasks_.find(id);
    if (it == tasks_.end() || !it->second.running) return;
    timeline_.trace("executor {}: {} ended with {}", key_.second, id, status);
    it->second.running = false;
    truth_.process_ended(key_of(id), status);
    update(id, state);
}

void ExecutorProcess::update(const std::string& task, mesos::v1::TaskState state) {
    Call call = make(Call::UPDATE);
    auto& status = *call.mutable_update()->mutable_status();
    status.mutable_task_id()->set_value(task);
    status.set_state(state);
    status.set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
    status.mutable_executor_id()->set_value(key_.second.value);
    status.set_uuid(fmt::format("{:08x}{:08x}", timeline_.prng().below(1ULL << 32), next_uuid_++));
    status.set_timestamp(timeline_.now().wall.seconds());
    unacknowledged_.push_back(call.update());
    if (!stream_) return;  // It is told with the next subscription.
    last_call_ = std::max(last_call_, timeline_.now().instant + timeline_.between(50us, 5ms));
    timeline_.after(last_call_ - timeline_.now().instant, [weak = weak_from_this(), call] {
        if (const auto self = weak.lock(); self && self->alive_) self->machine_.call(call);
    });
}

void ExecutorProcess::acknowledged(const Event::Acknowledged& acknowledged) {
    const std::string& id = acknowledged.task_id().value();
    if (const auto it = tasks_.find(id); it != tasks_.end()) it->second.acknowledged = true;
    const auto update = std::ranges::find_if(unacknowledged_, [&](const Call::Update& each) {
        return each.status().uuid() == acknowledged.uuid();
    });
    if (update == unacknowledged_.end()) return;
    unacknowledged_.erase(update);
    // The agent has stored the end: from now on nothing else can become of the task.
    const auto it = tasks_.find(id);
    const bool waits = std::ranges::any_of(unacknowledged_, [&](const Call::Update& each) {
        return each.status().task_id().value() == id;
    });
    if (it == tasks_.end() || it->second.running || waits) return;
    truth_.settled(key_of(id));
    tasks_.erase(it);
}

void ExecutorProcess::shut_down() {
    if (leaving_) return;
    leaving_ = true;
    truth_.told_to_end(key_, agent_);
    std::set<std::string> ids;
    for (const auto& [id, task] : tasks_) ids.insert(id);
    for (const std::string& id : ids) end_task(id, mesos::v1::TASK_KILLED, SIGTERM);
    if (timeline_.chance(faults_.ignores_term)) return;  // Until its container is destroyed.
    after(timeline_.between(10ms, 2s), &ExecutorProcess::leave);
}

void ExecutorProcess::leave() { machine_.exit(0); }

void ExecutorProcess::die() {
    timeline_.trace("executor {} dies", key_.second);
    machine_.exit(SIGSEGV);
}

void ExecutorProcess::kill() {
    if (!std::exchange(alive_, false)) return;
    for (const auto& [id, task] : tasks_) {
        if (task.running) truth_.process_ended(key_of(id), SIGKILL);
    }
    tasks_.clear();
    truth_.executor_ended(key_, agent_);
}

std::set<TaskKey> ExecutorProcess::running() const {
    std::set<TaskKey> running;
    for (const auto& [id, task] : tasks_) {
        if (task.running) running.insert(key_of(id));
    }
    return running;
}

}  // namespace tepui::sim
