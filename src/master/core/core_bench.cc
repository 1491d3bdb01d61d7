#include <benchmark/benchmark.h>

#include "master/core/core.h"
#include "master/core/state.h"

namespace tepui::master {
namespace {

using mesos::v1::scheduler::Call;

// One core with one agent and one framework; completes writes at once and keeps the newest offer.
struct World {
    std::unique_ptr<Core> core;
    Now now{Instant{1s}, WallTime{1s}};
    StreamId stream{"s"};
    LinkId link{1};
    mesos::v1::Offer offer;
    std::string agent;
    mesos::v1::FrameworkID framework;

    void perform(Effects effects) {
        for (Effect& effect : effects) {
            if (const auto* writes = std::get_if<PersistWrites>(&effect)) {
                perform(core->step(WritesPersisted{writes->token}, now));
            } else if (const auto* send = std::get_if<SendToScheduler>(&effect)) {
                if (send->event->has_offers()) offer = send->event->offers().offers(0);
                if (send->event->has_subscribed()) {
                    framework = send->event->subscribed().framework_id();
                }
            } else if (const auto* frame = std::get_if<SendToAgent>(&effect)) {
                agent = frame->frame->agent_id();
            }
        }
    }
    void step(Event event) { perform(core->step(std::move(event), now)); }
};

mesos::v1::Resource scalar(const char* name, double value) {
    mesos::v1::Resource resource;
    resource.set_name(name);
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(value);
    return resource;
}

World make_world() {
    World world;
    mesos::v1::MasterInfo info;
    info.set_id("m");
    info.set_ip(0);
    info.set_port(5050);
    world.core = Core::create({}, info, {}, 1, world.now).value();
    world.perform(world.core->start(world.now));
    SchedulerSubscribed subscribed;
    subscribed.stream = world.stream;
    subscribed.subscribe.mutable_framework_info()->set_user("u");
    subscribed.subscribe.mutable_framework_info()->set_name("n");
    subscribed.subscribe.mutable_framework_info()->set_checkpoint(true);
    world.step(std::move(subscribed));
    link::ToMaster frame;
    frame.set_agent_id("");
    auto& agent = *frame.mutable_register_agent()->mutable_agent();
    agent.set_hostname("node");
    *agent.add_resources() = scalar("cpus", 64);
    *agent.add_resources() = scalar("mem", 65536);
    frame.mutable_register_agent()->set_version("1.12.0");
    world.step(AgentFrameReceived{world.link, std::move(frame)});
    return world;
}

/// Budget: a task's whole life in the core (ACCEPT, three updates, three acknowledgements, and the
/// offers that follow) under 100 us on one core, so that 10,000 tasks/s fit.
void BM_TaskLife(benchmark::State& bench) {
    World world = make_world();
    std::uint64_t count = 0;
    for (auto _ : bench) {
        const std::string id = fmt::format("task-{}", ++count);
        Call accept;
        *accept.mutable_framework_id() = world.framework;
        accept.set_type(Call::ACCEPT);
        *accept.mutable_accept()->add_offer_ids() = world.offer.id();
        accept.mutable_accept()->mutable_filters()->set_refuse_seconds(0);
        auto& operation = *accept.mutable_accept()->add_operations();
        operation.set_type(mesos::v1::Offer::Operation::LAUNCH);
        auto& task = *operation.mutable_launch()->add_task_infos();
        task.set_name(id);
        task.mutable_task_id()->set_value(id);
        *task.mutable_agent_id() = world.offer.agent_id();
        *task.add_resources() = scalar("cpus", 1);
        *task.add_resources() = scalar("mem", 32);
        task.mutable_command()->set_value("true");
        world.step(SchedulerCalled{world.stream, std::move(accept)});
        for (const auto state :
             {mesos::v1::TASK_STARTING, mesos::v1::TASK_RUNNING, mesos::v1::TASK_FINISHED}) {
            link::ToMaster frame;
            frame.set_agent_id(world.agent);
            auto& update = *frame.mutable_status_update();
            *update.mutable_framework_id() = world.framework;
            update.mutable_status()->mutable_task_id()->set_value(id);
            update.mutable_status()->set_state(state);
            update.mutable_status()->set_uuid("0123456789abcdef");
            update.set_latest_state(state);
            world.step(AgentFrameReceived{world.link, std::move(frame)});
            Call acknowledge;
            *acknowledge.mutable_framework_id() = world.framework;
            acknowledge.set_type(Call::ACKNOWLEDGE);
            acknowledge.mutable_acknowledge()->mutable_task_id()->set_value(id);
            acknowledge.mutable_acknowledge()->mutable_agent_id()->set_value(world.agent);
            acknowledge.mutable_acknowledge()->set_uuid("0123456789abcdef");
            world.step(SchedulerCalled{world.stream, std::move(acknowledge)});
        }
        world.core->pack(world.core->take_changes());
    }
    bench.SetItemsProcessed(bench.iterations());
}
BENCHMARK(BM_TaskLife);

}  // namespace
}  // namespace tepui::master
