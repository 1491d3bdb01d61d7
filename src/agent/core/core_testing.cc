#include "agent/core/core_testing.h"

#include <csignal>
#include <stdexcept>

#include "base/overloaded.h"

namespace tepui::agent::testing {

namespace v1 = mesos::v1;

v1::FrameworkInfo framework_info(const std::string& id, bool checkpoint, bool partition_aware,
                                 bool killing_state) {
    v1::FrameworkInfo info;
    info.set_user("nobody");
    info.set_name("test");
    info.mutable_id()->set_value(id);
    info.set_checkpoint(checkpoint);
    if (partition_aware) {
        info.add_capabilities()->set_type(v1::FrameworkInfo::Capability::PARTITION_AWARE);
    }
    if (killing_state) {
        info.add_capabilities()->set_type(v1::FrameworkInfo::Capability::TASK_KILLING_STATE);
    }
    return info;
}

v1::TaskInfo task_info(const std::string& id) {
    v1::TaskInfo info;
    info.set_name("name of " + id);
    info.mutable_task_id()->set_value(id);
    info.mutable_agent_id()->set_value("a1");
    info.mutable_command()->set_value("sleep 100");
    v1::Resource& cpus = *info.add_resources();
    cpus.set_name("cpus");
    cpus.set_type(v1::Value::SCALAR);
    cpus.mutable_scalar()->set_value(1);
    return info;
}

v1::TaskInfo executor_task(const std::string& id, const std::string& executor) {
    v1::TaskInfo info = task_info(id);
    info.clear_command();
    *info.mutable_executor() = executor_info(executor);
    return info;
}

v1::ExecutorInfo executor_info(const std::string& id) {
    v1::ExecutorInfo info;
    info.set_type(v1::ExecutorInfo::CUSTOM);
    info.mutable_executor_id()->set_value(id);
    info.mutable_command()->set_value("./executor");
    v1::Resource& mem = *info.add_resources();
    mem.set_name("mem");
    mem.set_type(v1::Value::SCALAR);
    mem.mutable_scalar()->set_value(64);
    return info;
}

v1::TaskStatus executor_status(const std::string& task, v1::TaskState state,
                               const std::string& uuid) {
    v1::TaskStatus status;
    status.mutable_task_id()->set_value(task);
    status.set_state(state);
    status.set_uuid(uuid.empty() ? "" : (uuid + "0123456789abcdef").substr(0, 16));
    return status;
}

World::World(std::uint64_t seed) : seed_(seed) {
    config.work_dir = "/work";
    config.info.set_hostname("host");
    config.info.set_port(5051);
    config.boot_id = "boot-1";
    now = {Instant{1s}, WallTime{1'700'000'000s}};
}
World::~World() = default;

bool World::create() {
    if (machine_booted) {
        config.boot_id += "+";
        for (auto& [id, container] : containers) container.running = false;
        machine_booted = false;
    }
    auto made = Core::create(config, disk, seed_++, now);
    if (!made) throw std::runtime_error(made.error().text);
    core = std::move(*made);
    std::vector<FoundContainer> found;
    const auto expected = core->expected_containers();
    for (auto& [id, container] : containers) {
        if (std::find(expected.begin(), expected.end(), id) == expected.end()) {
            container.running = false;  // The containerizer destroys what is not expected.
            continue;
        }
        found.push_back(
            {id, container.pid, container.running, container.status, container.limitation});
    }
    perform(core->recover(std::move(found), now));
    return alive();
}

void World::start_offline() {
    if (create()) settle();
}

void World::start() {
    start_offline();
    if (!alive()) return;
    connect();
    advance(1min);
}

void World::crash() {
    core.reset();
    events_.clear();
    unwritten_.clear();
    connected_ = false;
}

void World::connect() {
    connected_ = true;
    feed(MasterConnected{});
}

void World::disconnect() {
    connected_ = false;
    feed(MasterDisconnected{});
}

void World::send(link::ToAgent frame) {
    frame.set_agent_id("a1");
    feed(MasterFrameReceived{std::move(frame)});
}

void World::run(const v1::FrameworkInfo& framework, const v1::TaskInfo& task) {
    link::ToAgent frame;
    *frame.mutable_run_task()->mutable_framework() = framework;
    *frame.mutable_run_task()->mutable_task() = task;
    send(std::move(frame));
}

void World::run_task(const std::string& task, const std::string& framework) {
    run(framework_info(framework), task_info(task));
}

void World::kill(const std::string& task, std::optional<Duration> grace,
                 const std::string& framework) {
    link::ToAgent frame;
    frame.mutable_kill_task()->mutable_framework_id()->set_value(framework);
    frame.mutable_kill_task()->mutable_task_id()->set_value(task);
    if (grace) {
        frame.mutable_kill_task()->mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(
            grace->count());
    }
    send(std::move(frame));
}

void World::acknowledge(const v1::TaskStatus& status, const std::string& framework) {
    link::ToAgent frame;
    frame.mutable_acknowledge_update()->mutable_framework_id()->set_value(framework);
    *frame.mutable_acknowledge_update()->mutable_task_id() = status.task_id();
    frame.mutable_acknowledge_update()->set_uuid(status.uuid());
    send(std::move(frame));
}

void World::ping(bool connected) {
    link::ToAgent frame;
    frame.mutable_ping()->set_connected(connected);
    send(std::move(frame));
}

void World::shutdown_framework(const std::string& framework) {
    link::ToAgent frame;
    frame.mutable_shutdown_framework()->mutable_framework_id()->set_value(framework);
    send(std::move(frame));
}

v1::executor::Call World::executor_call(const std::string& executor, const std::string& framework) {
    v1::executor::Call call;
    call.mutable_framework_id()->set_value(framework);
    call.mutable_executor_id()->set_value(executor);
    return call;
}

std::uint64_t World::subscribe(v1::executor::Call::Subscribe repeats, const std::string& executor,
                               const std::string& framework) {
    ExecutorSubscribed event{next_connection_++, executor_call(executor, framework)};
    event.call.set_type(v1::executor::Call::SUBSCRIBE);
    *event.call.mutable_subscribe() = std::move(repeats);
    const std::uint64_t connection = event.connection;
    feed(std::move(event));
    return connection;
}

void World::update(const std::string& task, v1::TaskState state, const std::string& uuid,
                   const std::string& executor, const std::string& framework) {
    ExecutorCalled event{executor_call(executor, framework)};
    event.call.set_type(v1::executor::Call::UPDATE);
    *event.call.mutable_update()->mutable_status() = executor_status(task, state, uuid);
    feed(std::move(event));
}

std::vector<v1::executor::Event::Type> World::heard(std::uint64_t connection) const {
    std::vector<v1::executor::Event::Type> types;
    const auto it = streams.find(connection);
    if (it == streams.end()) return types;
    for (const auto& event : it->second) types.push_back(event.type());
    return types;
}

void World::feed(Event event) {
    events_.push_back(std::move(event));
    settle();
}

void World::settle() {
    while (alive() && !events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        perform(core->step(std::move(event), now));
    }
}

void World::advance(Duration span) {
    const Instant until = now.instant + span;
    const auto move_to = [&](Instant at) {
        now.wall.since_epoch += at - now.instant;
        now.instant = at;
    };
    while (alive() && core->next_deadline() <= until) {
        move_to(std::max(now.instant, core->next_deadline()));
        feed(Tick{});
    }
    move_to(until);
}

void World::write_one() {
    if (unwritten_.empty()) return;
    const WriteCheckpoint batch = std::move(unwritten_.front());
    unwritten_.pop_front();
    for (const CheckpointWrite& write : batch.writes) {
        if (write.value) {
            disk[write.key] = *write.value;
        } else {
            disk.erase(write.key);
        }
    }
    feed(CheckpointWritten{batch.token});
}

void World::write_all() {
    while (!unwritten_.empty()) write_one();
}

void World::exit_container(const ContainerId& container, std::optional<std::int32_t> status,
                           std::optional<Limitation> limitation) {
    end_nested(container);
    FakeContainer& fake = containers.at(container);
    fake.running = false;
    fake.status = status;
    fake.limitation = limitation;
    if (alive()) feed(ContainerExited{container, status, std::move(limitation)});
}

void World::exit_task(const std::string& task, std::int32_t status) {
    exit_container(container_of(task), status);
}

ContainerId World::container_of(const std::string& task) const {
    for (const auto& [container, key] : core->state().containers) {
        if (key.second.value == task) return container;
    }
    throw std::runtime_error("no container of " + task);
}

void World::perform(Effects effects) {
    for (const Effect& effect : effects) {
        if (crash_before_effect && (*crash_before_effect)-- == 0) {
            crash_before_effect.reset();
            crash();
            return;
        }
        ++effects_performed;
        perform_one(effect);
    }
}

void World::end_container(const ContainerId& container, std::int32_t status) {
    const auto it = containers.find(container);
    if (it == containers.end() || !it->second.running) return;
    end_nested(container);
    it->second.running = false;
    it->second.status = status;
    events_.push_back(ContainerExited{container, status, std::nullopt});
}

void World::end_nested(const ContainerId& parent) {
    for (auto& [id, nested] : containers) {
        if (!nested.running || nested.parent != parent) continue;
        nested.running = false;
        nested.status.reset();
        if (alive()) events_.push_back(ContainerExited{id, std::nullopt, std::nullopt});
    }
}

void World::start_container(const ContainerId& container, const std::string& user,
                            const std::string& sandbox) {
    FakeContainer& fake = containers[container];
    ++fake.launches;
    fake.user = user;
    fake.sandbox = sandbox;
    if (!containers_start) return;
    fake.pid = next_pid_++;
    fake.running = true;
    events_.push_back(ContainerStarted{container, fake.pid});
}

void World::perform_one(const Effect& effect) {
    std::visit(Overloaded{
                   [&](const SendToMaster& x) { answer(*x.frame); },
                   [&](const ReconnectMaster&) { ++reconnects; },
                   [&](const WriteCheckpoint& x) {
                       unwritten_.push_back(x);
                       if (!store_answers) return;
                       for (const CheckpointWrite& write : x.writes) {
                           if (write.value) {
                               disk[write.key] = *write.value;
                           } else {
                               disk.erase(write.key);
                           }
                       }
                       unwritten_.pop_back();
                       events_.push_back(CheckpointWritten{x.token});
                   },
                   [&](const LaunchContainer& x) {
                       FakeContainer& fake = containers[x.container];
                       if (x.pod) fake.parent = x.pod->container;
                       fake.task = x.task;
                       if (x.pod && !containers.at(*fake.parent).running) {
                           events_.push_back(ContainerLaunchFailed{
                               x.container, Error{Errc::not_found, "its pod does not run"}});
                           return;
                       }
                       start_container(x.container, x.user, x.sandbox);
                   },
                   [&](const LaunchPod& x) {
                       pod_launches.push_back(x);
                       start_container(x.container, x.user, x.sandbox);
                   },
                   [&](const LaunchExecutor& x) {
                       executor_launches.push_back(x);
                       FakeContainer& fake = containers[x.container];
                       ++fake.launches;
                       fake.user = x.user;
                       fake.sandbox = x.sandbox;
                       if (!containers_start) return;
                       fake.pid = next_pid_++;
                       fake.running = true;
                       events_.push_back(ContainerStarted{x.container, fake.pid});
                   },
                   [&](const ForgetContainer& x) { forgotten.push_back(x.container); },
                   [&](const UpdateContainer& x) {
                       container_updates.push_back(x);
                       if (!containers_update) return;
                       std::optional<Error> error;
                       if (update_fails) error = Error{Errc::io, "no such file"};
                       events_.push_back(ContainerUpdated{x.container, x.sequence, error});
                   },
                   [&](const LaunchNested& x) {
                       nested_launches.push_back(x);
                       FakeContainer& fake = containers[x.container];
                       fake.parent = x.parent;
                       start_container(x.container, x.user, x.sandbox);
                   },
                   [&](const AnswerAsker& x) { answers.push_back(x); },
                   [&](const RemoveNestedSandbox& x) { removed.push_back(x.path); },
                   [&](const MakeVolume& x) {
                       volumes_made.push_back(x);
                       events_.push_back(VolumeChanged{x.operation, volume_error});
                   },
                   [&](const RemoveVolume& x) {
                       volumes_removed.push_back(x);
                       events_.push_back(VolumeChanged{x.operation, volume_error});
                   },
                   [&](const TidyVolumes&) {},
                   [&](const SendToExecutor& x) { streams[x.connection].push_back(*x.event); },
                   [&](const CloseExecutor& x) {
                       closed.insert(x.connection);
                       events_.push_back(ExecutorDisconnected{x.connection});
                   },
                   [&](const SignalContainer& x) {
                       signals.emplace_back(x.container, x.signal);
                       if (x.signal != SIGTERM || !ignores_term) {
                           end_container(x.container, signalled(x.signal));
                       }
                   },
                   [&](const DestroyContainer& x) {
                       destroyed.push_back(x.container);
                       end_container(x.container, signalled(SIGKILL));
                   },
                   [&](const RemoveSandbox& x) { removed.push_back(x.path); },
                   [&](const StartProbe& x) {
                       probes.push_back({x, now.instant});
                       if (!probe_answer) return;
                       events_.push_back(ProbeEnded{x.probe, x.container, probe_answer(x)});
                   },
                   [&](const StopProbes& x) { probes_stopped.push_back(x.container); },
                   [&](const EndAgent& x) {
                       ended = x.why;
                       end_failed = x.failed;
                   },
                   [&](const LogLine& x) { log.push_back(x); },
               },
               effect);
}

void World::answer(const link::ToMaster& frame) {
    sent.push_back(frame);
    if (!connected_) return;
    link::ToAgent reply;
    reply.set_agent_id("a1");
    const auto fill = [&](auto& registered) {
        registered.mutable_agent_id()->set_value("a1");
        registered.set_epoch(master_epoch);
        registered.set_ping_timeout_seconds(ping_timeout_seconds);
        registered.set_master_id("m1");
    };
    if (frame.has_unregister_agent() && master_registers) {
        reply.mutable_shutdown_agent()->set_message("Agent unregistered");
    } else if (frame.has_register_agent() && master_registers) {
        fill(*reply.mutable_agent_registered());
    } else if (frame.has_reregister_agent() && master_registers) {
        fill(*reply.mutable_agent_reregistered());
        for (const auto& id : completed_frameworks) {
            reply.mutable_agent_reregistered()->add_completed_frameworks()->set_value(id);
        }
    } else if (frame.has_status_update() && master_acknowledges) {
        auto& acknowledgement = *reply.mutable_acknowledge_update();
        *acknowledgement.mutable_framework_id() = frame.status_update().framework_id();
        *acknowledgement.mutable_task_id() = frame.status_update().status().task_id();
        acknowledgement.set_uuid(frame.status_update().status().uuid());
    } else {
        return;
    }
    events_.push_back(MasterFrameReceived{std::move(reply)});
}

std::vector<v1::TaskStatus> World::updates(const std::string& task) const {
    std::vector<v1::TaskStatus> found;
    for (const auto& frame : sent) {
        if (frame.has_status_update() && frame.status_update().status().task_id().value() == task) {
            found.push_back(frame.status_update().status());
        }
    }
    return found;
}

std::vector<v1::TaskState> World::states(const std::string& task) const {
    std::vector<v1::TaskState> list;
    std::vector<std::string> seen;
    for (const auto& status : updates(task)) {
        if (std::find(seen.begin(), seen.end(), status.uuid()) != seen.end()) continue;
        seen.push_back(status.uuid());
        list.push_back(status.state());
    }
    return list;
}

std::string World::last_message(const std::string& task) const {
    const auto all = updates(task);
    return all.empty() ? "" : all.back().message();
}

int World::count_sent(link::ToMaster::MessageCase kind) const {
    return static_cast<int>(std::count_if(
        sent.begin(), sent.end(), [&](const auto& frame) { return frame.message_case() == kind; }));
}

int World::launches() const {
    int count = 0;
    for (const auto& [id, container] : containers) count += container.launches;
    return count;
}

bool World::logged(const std::string& part) const {
    return std::any_of(log.begin(), log.end(), [&](const LogLine& line) {
        return line.text.find(part) != std::string::npos;
    });
}

}  // namespace tepui::agent::testing
