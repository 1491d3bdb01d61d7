// The schedulers and agents of core_testing.h, and their messages.

#include <gtest/gtest.h>

#include "master/core/core_testing.h"

namespace tepui::master::testing {

namespace {

constexpr const char* agent_capabilities[] = {"AGENT_DRAINING", "AGENT_OPERATION_FEEDBACK",
                                              "RESIZE_VOLUME"};

}  // namespace

std::vector<SchedulerEvent> FakeScheduler::take(SchedulerEvent::Type type) {
    std::vector<SchedulerEvent> events = take();
    std::erase_if(events, [type](const SchedulerEvent& event) { return event.type() != type; });
    return events;
}

std::vector<mesos::v1::TaskStatus> FakeScheduler::updates() {
    std::vector<mesos::v1::TaskStatus> statuses;
    for (const SchedulerEvent& event : take(SchedulerEvent::UPDATE)) {
        statuses.push_back(event.update().status());
    }
    return statuses;
}

std::vector<mesos::v1::Offer> FakeScheduler::offers() {
    std::vector<mesos::v1::Offer> offers;
    for (const SchedulerEvent& event : take(SchedulerEvent::OFFERS)) {
        for (const auto& offer : event.offers().offers()) offers.push_back(offer);
    }
    return offers;
}

mesos::v1::Offer FakeScheduler::offer() {
    std::vector<mesos::v1::Offer> all = offers();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? mesos::v1::Offer{} : all.front();
}

SchedulerCall FakeScheduler::make(SchedulerCall::Type type) const {
    SchedulerCall call;
    call.mutable_framework_id()->set_value(id.value);
    call.set_type(type);
    return call;
}

void FakeScheduler::accept(const std::vector<mesos::v1::Offer>& offers,
                           std::vector<mesos::v1::TaskInfo> tasks,
                           std::optional<double> refuse_seconds) {
    SchedulerCall accept = make(SchedulerCall::ACCEPT);
    for (const auto& offer : offers) *accept.mutable_accept()->add_offer_ids() = offer.id();
    auto& operation = *accept.mutable_accept()->add_operations();
    operation.set_type(mesos::v1::Offer::Operation::LAUNCH);
    operation.mutable_launch();
    for (auto& task : tasks) *operation.mutable_launch()->add_task_infos() = std::move(task);
    if (refuse_seconds)
        accept.mutable_accept()->mutable_filters()->set_refuse_seconds(*refuse_seconds);
    call(std::move(accept));
}

void FakeScheduler::operate(const mesos::v1::Offer& offer, mesos::v1::Offer::Operation operation) {
    SchedulerCall accept = make(SchedulerCall::ACCEPT);
    *accept.mutable_accept()->add_offer_ids() = offer.id();
    *accept.mutable_accept()->add_operations() = std::move(operation);
    call(std::move(accept));
}

void FakeScheduler::decline(const mesos::v1::Offer& offer, std::optional<double> refuse_seconds) {
    SchedulerCall decline = make(SchedulerCall::DECLINE);
    *decline.mutable_decline()->add_offer_ids() = offer.id();
    if (refuse_seconds) {
        decline.mutable_decline()->mutable_filters()->set_refuse_seconds(*refuse_seconds);
    }
    call(std::move(decline));
}

void FakeScheduler::kill(std::string_view task, std::string_view agent) {
    SchedulerCall kill = make(SchedulerCall::KILL);
    kill.mutable_kill()->mutable_task_id()->set_value(std::string(task));
    if (!agent.empty()) kill.mutable_kill()->mutable_agent_id()->set_value(std::string(agent));
    call(std::move(kill));
}

void FakeScheduler::acknowledge(const mesos::v1::TaskStatus& status) {
    SchedulerCall acknowledge = make(SchedulerCall::ACKNOWLEDGE);
    *acknowledge.mutable_acknowledge()->mutable_agent_id() = status.agent_id();
    *acknowledge.mutable_acknowledge()->mutable_task_id() = status.task_id();
    acknowledge.mutable_acknowledge()->set_uuid(status.uuid());
    call(std::move(acknowledge));
}

void FakeScheduler::reconcile(std::string_view task, std::string_view agent) {
    SchedulerCall reconcile = make(SchedulerCall::RECONCILE);
    reconcile.mutable_reconcile();
    if (!task.empty()) {
        auto& named = *reconcile.mutable_reconcile()->add_tasks();
        named.mutable_task_id()->set_value(std::string(task));
        if (!agent.empty()) named.mutable_agent_id()->set_value(std::string(agent));
    }
    call(std::move(reconcile));
}

std::vector<link::ToAgent> FakeAgent::take(link::ToAgent::MessageCase which) {
    std::vector<link::ToAgent> frames = take();
    std::erase_if(frames,
                  [which](const link::ToAgent& frame) { return frame.message_case() != which; });
    return frames;
}

void FakeAgent::send(link::ToMaster frame) {
    frame.set_agent_id(id.value);
    shell.frame(link, std::move(frame));
}

void FakeAgent::pong() {
    link::ToMaster frame;
    frame.mutable_pong();
    send(std::move(frame));
}

void FakeAgent::update(const FrameworkId& framework, std::string_view task,
                       mesos::v1::TaskState state, std::optional<mesos::v1::TaskState> latest) {
    static std::uint64_t next_uuid = 1;
    link::ToMaster frame;
    auto& update = *frame.mutable_status_update();
    update.mutable_framework_id()->set_value(framework.value);
    update.mutable_status()->mutable_task_id()->set_value(std::string(task));
    update.mutable_status()->set_state(state);
    update.mutable_status()->set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
    update.mutable_status()->mutable_agent_id()->set_value(id.value);
    update.mutable_status()->set_timestamp(shell.now().wall.seconds());
    update.mutable_status()->set_uuid(fmt::format("{:016}", next_uuid++));
    update.mutable_status()->set_data("data");
    update.mutable_status()->mutable_container_status()->mutable_container_id()->set_value("c1");
    update.set_latest_state(latest.value_or(state));
    send(std::move(frame));
}

void FakeAgent::reregister(const std::vector<mesos::v1::Task>& tasks,
                           const std::vector<mesos::v1::FrameworkInfo>& frameworks, bool restarted,
                           bool same_link) {
    if (!same_link) link = shell.open_link();
    link::ToMaster frame;
    auto& reregister = *frame.mutable_reregister_agent();
    *reregister.mutable_agent() = info;
    reregister.set_version("1.12.0");
    for (const char* name : agent_capabilities) reregister.add_capabilities(name);
    for (const auto& task : tasks) *reregister.add_tasks() = task;
    for (const auto& framework : frameworks) *reregister.add_frameworks() = framework;
    reregister.set_restarted(restarted);
    send(std::move(frame));
}

mesos::v1::FrameworkInfo framework_info(std::string_view name) {
    mesos::v1::FrameworkInfo info;
    info.set_user("nobody");
    info.set_name(std::string(name));
    return info;
}

void add_capability(mesos::v1::FrameworkInfo& info,
                    mesos::v1::FrameworkInfo::Capability::Type type) {
    info.add_capabilities()->set_type(type);
}

mesos::v1::FrameworkInfo info_of(const FakeShell& shell, const FrameworkId& id) {
    return *shell.state().frameworks.at(id).info;
}

mesos::v1::FrameworkInfo plain_info(bool checkpoint) {
    mesos::v1::FrameworkInfo info = framework_info("plain");
    info.set_checkpoint(checkpoint);
    info.set_failover_timeout(3600);
    return info;
}

mesos::v1::FrameworkInfo modern_info(std::string_view role) {
    mesos::v1::FrameworkInfo info = framework_info();
    info.add_roles(std::string(role));
    info.set_checkpoint(true);
    info.set_failover_timeout(3600);
    using Capability = mesos::v1::FrameworkInfo::Capability;
    add_capability(info, Capability::MULTI_ROLE);
    add_capability(info, Capability::RESERVATION_REFINEMENT);
    add_capability(info, Capability::PARTITION_AWARE);
    return info;
}

namespace {

ResourceList resource_list(std::string_view text, const std::string& allocated_to = {}) {
    auto parsed = Resources::parse_flag(text);
    EXPECT_TRUE(parsed.has_value());
    return allocated_to.empty() ? parsed->to_proto()
                                : parsed->allocated_to(allocated_to).to_proto();
}

}  // namespace

mesos::v1::AgentInfo agent_info(std::string_view hostname, std::string_view resources) {
    mesos::v1::AgentInfo info;
    info.set_hostname(std::string(hostname));
    info.set_port(5051);
    *info.mutable_resources() = resource_list(resources);
    mesos::v1::Attribute& attribute = *info.add_attributes();
    attribute.set_name("rack");
    attribute.set_type(mesos::v1::Value::TEXT);
    attribute.mutable_text()->set_value("r1");
    return info;
}

mesos::v1::TaskInfo task_info(const mesos::v1::Offer& offer, std::string_view id,
                              std::string_view resources) {
    mesos::v1::TaskInfo task;
    task.set_name(std::string(id));
    task.mutable_task_id()->set_value(std::string(id));
    *task.mutable_agent_id() = offer.agent_id();
    *task.mutable_resources() = resource_list(resources);
    task.mutable_command()->set_value("sleep 1000");
    return task;
}

mesos::v1::Task reported_task(const FrameworkId& framework, std::string_view id,
                              mesos::v1::TaskState state, std::string_view resources) {
    mesos::v1::Task task;
    task.set_name(std::string(id));
    task.mutable_task_id()->set_value(std::string(id));
    task.mutable_framework_id()->set_value(framework.value);
    task.mutable_agent_id()->set_value("");
    task.set_state(state);
    *task.mutable_resources() = resource_list(resources, "*");
    return task;
}

void expect_answered(const FakeShell& shell, RequestToken request) {
    const Result<void>* answer = shell.answer(request);
    ASSERT_NE(answer, nullptr);
    EXPECT_TRUE(*answer) << answer->error().text;
}

void expect_refused(const FakeShell& shell, RequestToken request, Errc code,
                    std::string_view part) {
    const Result<void>* answer = shell.answer(request);
    ASSERT_NE(answer, nullptr);
    ASSERT_FALSE(*answer);
    EXPECT_EQ(answer->error().code, code) << answer->error().text;
    EXPECT_NE(answer->error().text.find(part), std::string::npos) << answer->error().text;
}

registry::AgentRecord record_of(const FakeShell& shell, const AgentId& id) {
    registry::AgentRecord record;
    EXPECT_TRUE(record.ParseFromString(shell.registry().at(agent_key(id))));
    return record;
}

FakeScheduler subscribe(FakeShell& shell, const mesos::v1::FrameworkInfo& info) {
    const StreamId stream = shell.subscribe(info);
    FakeScheduler scheduler{shell, stream, {}};
    const auto found = shell.state().streams.find(stream);
    EXPECT_NE(found, shell.state().streams.end()) << "the subscription was not answered";
    if (found != shell.state().streams.end()) scheduler.id = found->second;
    return scheduler;
}

FakeAgent register_agent(FakeShell& shell, const mesos::v1::AgentInfo& info) {
    FakeAgent agent{shell, shell.open_link(), {}, info};
    link::ToMaster frame;
    *frame.mutable_register_agent()->mutable_agent() = info;
    frame.mutable_register_agent()->set_version("1.12.0");
    for (const char* name : agent_capabilities)
        frame.mutable_register_agent()->add_capabilities(name);
    frame.set_agent_id("");
    shell.frame(agent.link, std::move(frame));
    for (const link::ToAgent& answer : agent.take(link::ToAgent::kAgentRegistered)) {
        agent.id = AgentId{answer.agent_registered().agent_id().value()};
    }
    EXPECT_FALSE(agent.id.empty()) << "the registration was not answered";
    agent.info.mutable_id()->set_value(agent.id.value);
    return agent;
}

void launch(FakeScheduler& scheduler, FakeAgent& agent, std::string_view task,
            std::string_view resources) {
    const mesos::v1::Offer offer = scheduler.offer();
    scheduler.accept({offer}, {task_info(offer, task, resources)}, 0);
    EXPECT_EQ(agent.take(link::ToAgent::kRunTask).size(), 1u);
}

}  // namespace tepui::master::testing
