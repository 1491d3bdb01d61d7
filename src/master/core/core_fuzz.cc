// A whole master core among schedulers, agents and operators that say whatever the bytes make them
// say, in any order, while writes come late and time jumps. The promises to the caller and the
// ledger are held up to the state after every step (fuzz_world_testing.cc); at the end another
// master reads what was stored. tests/fuzz/core_corpus.py writes the seeds.

#include "master/core/fuzz_input_testing.h"
#include "master/core/fuzz_messages_testing.h"
#include "master/core/fuzz_world_testing.h"

namespace {

using namespace tepui::master;
using namespace tepui::master::testing;

/// An event begins with one of these; tests/fuzz/core_corpus.py reads the names from here.
enum class Kind : std::uint8_t {
    subscribe,
    call,
    raw_call,
    disconnect,
    register_agent,
    reregister_agent,
    frame,
    raw_frame,
    close_link,
    teardown,
    kill,
    mark_gone,
    publish,
    take,
    pass,
    pass_to_deadline,
    jump_wall,
    offers_owed,
    hold_writes,
    persist_one,
    restart,
    deactivate,
    weights,
    quotas,
    whitelist,
    operation,
    schedule,
    machines,
    drain,
    cancel_drain,
    count,
};

/// More make a run slow and find nothing that fewer do not.
constexpr unsigned events_max = 150;

CoreConfig config(FuzzInput& in) {
    CoreConfig config;
    const std::uint8_t kinds = in.byte();
    if ((kinds & 1) != 0) config.offer_timeout = std::chrono::seconds{30};
    if ((kinds & 2) != 0) config.agent_removal_rate_limit = RemovalRate{1, std::chrono::minutes{1}};
    if ((kinds & 4) != 0) config.recovery_agent_removal_limit = 0.5;
    if ((kinds & 8) != 0) config.registry_max_agent_count = 1;
    if ((kinds & 16) != 0) config.root_submissions = false;
    if ((kinds & 32) != 0) config.max_completed_frameworks = 1;
    if ((kinds & 64) != 0) {
        config.max_completed_tasks_per_framework = 2;
        config.max_unreachable_tasks_per_framework = 1;
    }
    if ((kinds & 128) != 0) config.weights = {{"ops", 2.5}};
    return config;
}

/// Two frameworks and two agents, so that even short inputs have something to talk about.
void populate(FuzzWorld& world) {
    const std::uint8_t other_role[] = {0, 0, 1};
    FuzzInput ordinary(nullptr, 0);
    FuzzInput other(other_role, std::size(other_role));
    world.subscribe(FuzzMessages(ordinary, world).subscribe(), std::nullopt);
    world.subscribe(FuzzMessages(other, world).subscribe(), std::nullopt);
    const std::uint8_t other_node[] = {1, 1};
    FuzzInput second(other_node, std::size(other_node));
    world.frame(world.open_link(), FuzzMessages(ordinary, world).register_agent());
    world.frame(world.open_link(), FuzzMessages(second, world).register_agent());
}

void send_call(FuzzWorld& world, FuzzMessages& messages, mesos::v1::scheduler::Call call) {
    const std::optional<tepui::StreamId> stream = messages.stream(call);
    world.call(std::move(call), stream);
}

void send_frame(FuzzWorld& world, FuzzMessages& messages, tepui::link::ToMaster frame) {
    const LinkId link = messages.link(frame, world);
    world.frame(link, std::move(frame));
}

void take_event(FuzzWorld& world, FuzzInput& in) {
    FuzzMessages messages(in, world);
    switch (static_cast<Kind>(in.below(static_cast<std::size_t>(Kind::count)))) {
        case Kind::subscribe: {
            const auto principal = in.rarely() ? std::optional<std::string>{"ops"} : std::nullopt;
            return world.subscribe(messages.subscribe(), principal);
        }
        case Kind::call: return send_call(world, messages, messages.call());
        case Kind::raw_call: return send_call(world, messages, messages.raw_call());
        case Kind::disconnect: return world.disconnect(in.byte());
        case Kind::register_agent: return send_frame(world, messages, messages.register_agent());
        case Kind::reregister_agent:
            return send_frame(world, messages, messages.reregister_agent());
        case Kind::frame: return send_frame(world, messages, messages.frame());
        case Kind::raw_frame: return send_frame(world, messages, messages.raw_frame());
        case Kind::close_link: return world.close_link(in.byte());
        case Kind::teardown: return world.teardown(messages.framework());
        case Kind::kill: {
            const tepui::FrameworkId framework = messages.framework();
            const tepui::TaskId task = messages.task();
            return world.kill(framework, task, messages.kill_policy());
        }
        case Kind::mark_gone: return world.mark_gone(messages.agent());
        case Kind::publish: return world.publish(in.flag());
        case Kind::take: return world.take_what_readers_take();
        case Kind::pass: return world.pass(messages.span());
        case Kind::pass_to_deadline: return world.pass_to_deadline();
        case Kind::jump_wall: {
            const bool back = in.flag();
            return world.jump_wall(back ? -messages.span() : messages.span());
        }
        case Kind::offers_owed: return world.offers_owed(in.flag());
        case Kind::hold_writes: return world.hold_writes(in.flag());
        case Kind::persist_one: return world.persist_one();
        case Kind::restart: return world.restart();
        case Kind::deactivate: {
            const tepui::AgentId agent = messages.agent();
            return world.deactivate(agent, !in.flag());
        }
        case Kind::weights: return world.weights(messages.weights());
        case Kind::quotas: {
            auto configs = messages.quotas();
            const bool force = in.flag();
            return world.quotas(std::move(configs), force, in.below(3));
        }
        case Kind::whitelist: return world.whitelist(messages.whitelist());
        case Kind::operation: {
            const tepui::AgentId agent = messages.agent();
            return world.operate(agent, messages.operation_on(agent));
        }
        case Kind::schedule: return world.schedule(messages.schedule());
        case Kind::machines: {
            auto machines = messages.machines();
            return world.machines(std::move(machines), !in.flag());
        }
        case Kind::drain: {
            const tepui::AgentId agent = messages.agent();
            return world.drain(agent, messages.drain_config());
        }
        case Kind::cancel_drain: return world.cancel_drain(messages.agent());
        case Kind::count: return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzInput in(data, size);
    FuzzWorld world(config(in));
    world.publish(true);
    populate(world);
    for (unsigned i = 0; i < events_max && !in.empty(); ++i) {
        if (world.ended()) world.restart();
        take_event(world, in);
    }
    world.finish();
    return 0;
}
