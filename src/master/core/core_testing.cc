#include "master/core/core_testing.h"

#include <gtest/gtest.h>

#include "base/overloaded.h"
#include "master/core/ledger.h"

namespace tepui::master::testing {

namespace {

constexpr const char* agent_capabilities[] = {"AGENT_DRAINING", "AGENT_OPERATION_FEEDBACK",
                                              "RESIZE_VOLUME"};

}  // namespace

FakeShell::FakeShell() : FakeShell(Options{}) {}

FakeShell::FakeShell(Options options) : options_(std::move(options)) { begin(); }

void FakeShell::begin() {
    mesos::v1::MasterInfo info;
    info.set_id(fmt::format("m{}", next_master_++));
    info.set_ip(0);
    info.set_port(5050);
    info.set_hostname("master.example");
    info.set_version("1.12.0");
    using Capability = mesos::v1::MasterInfo::Capability;
    for (const auto type :
         {Capability::AGENT_UPDATE, Capability::AGENT_DRAINING, Capability::QUOTA_V2}) {
        info.add_capabilities()->set_type(type);
    }
    auto core = Core::create(options_.config, info, registry_, /*seed=*/7, now());
    ASSERT_TRUE(core.has_value()) << core.error().text;
    core_ = std::move(*core);
    perform(core_->start(now()));
    if (options_.led && !core_->recovered()) {
        persist_all();
        ASSERT_TRUE(core_->recovered());
    }
}

void FakeShell::set_registry(std::string key, std::string value) {
    registry_.insert_or_assign(std::move(key), std::move(value));
}

void FakeShell::step(Event event) {
    perform(core_->step(std::move(event), now()));
    if (options_.check_ledger) {
        EXPECT_TRUE(ledger_balances(core_->state()));
    }
}

void FakeShell::perform(Effects effects) {
    for (Effect& effect : effects) {
        std::visit(Overloaded{
                       [&](SendToScheduler& send) {
                           EXPECT_FALSE(closed_streams_.contains(send.stream))
                               << "an event on a closed stream";
                           EXPECT_TRUE(send.event->IsInitialized());
                           events_[send.stream].push_back(*send.event);
                       },
                       [&](CloseScheduler& close) { closed_streams_.insert(close.stream); },
                       [&](SendToAgent& send) {
                           EXPECT_TRUE(send.frame->IsInitialized());
                           frames_[send.link].push_back(*send.frame);
                       },
                       [&](CloseAgentLink& close) { closed_links_.insert(close.link); },
                       [&](PersistWrites& writes) { writes_.push_back(std::move(writes)); },
                       [&](AnswerRequest& answer) {
                           answers_.emplace(answer.request, std::move(answer.result));
                       },
                       [&](EndMaster& end) { ended_ = std::move(end.why); },
                       [&](LogLine& line) { log_.push_back(std::move(line.text)); },
                   },
                   effect);
    }
    if (options_.persist_at_once) persist_all();
}

bool FakeShell::persist_one() {
    if (writes_.empty()) return false;
    const PersistWrites batch = std::move(writes_.front());
    writes_.pop_front();
    for (const RegistryWrite& write : batch.writes) {
        if (write.value) {
            registry_.insert_or_assign(write.key, *write.value);
        } else {
            registry_.erase(write.key);
        }
    }
    step(WritesPersisted{batch.token});
    return true;
}

void FakeShell::persist_all() {
    while (persist_one()) {
    }
}

void FakeShell::pass(Duration span) {
    const Instant end = instant_ + span;
    for (;;) {
        const Instant next = core_->next_deadline();
        if (next > end) break;
        const Duration step_span = std::max(next - instant_, Duration::zero());
        wall_.since_epoch += step_span;
        instant_ += step_span;
        step(Tick{});
        ASSERT_GT(core_->next_deadline(), instant_) << "a deadline that a tick does not settle";
    }
    wall_.since_epoch += end - instant_;
    instant_ = end;
}

void FakeShell::crash_and_restart() {
    writes_.clear();
    events_.clear();
    frames_.clear();
    begin();
}

StreamId FakeShell::subscribe(mesos::v1::FrameworkInfo info, std::vector<std::string> suppressed,
                              std::optional<std::string> principal) {
    const StreamId stream{fmt::format("stream-{}", next_stream_++)};
    SchedulerSubscribed subscribed;
    subscribed.stream = stream;
    *subscribed.subscribe.mutable_framework_info() = std::move(info);
    for (const std::string& role : suppressed) subscribed.subscribe.add_suppressed_roles(role);
    subscribed.principal = std::move(principal);
    step(std::move(subscribed));
    return stream;
}

void FakeShell::disconnect(const StreamId& stream) {
    closed_streams_.insert(stream);
    step(SchedulerDisconnected{stream});
}

void FakeShell::call(const StreamId& stream, SchedulerCall call) {
    step(SchedulerCalled{stream, std::move(call)});
}

std::vector<SchedulerEvent> FakeShell::take_events(const StreamId& stream) {
    return std::exchange(events_[stream], {});
}

void FakeShell::frame(LinkId link, link::ToMaster frame, std::string peer_ip) {
    step(AgentFrameReceived{link, std::move(frame), std::move(peer_ip)});
}

void FakeShell::close_link(LinkId link) { step(AgentLinkClosed{link}); }

std::vector<link::ToAgent> FakeShell::take_frames(LinkId link) {
    return std::exchange(frames_[link], {});
}

RequestToken FakeShell::kill(const FrameworkId& framework, std::string_view task) {
    const RequestToken request{next_request_++};
    step(KillRequested{request, framework, TaskId{task}, std::nullopt});
    return request;
}

RequestToken FakeShell::teardown(const FrameworkId& framework) {
    const RequestToken request{next_request_++};
    step(TeardownRequested{request, framework});
    return request;
}

RequestToken FakeShell::mark_gone(const AgentId& agent) {
    const RequestToken request{next_request_++};
    step(MarkAgentGoneRequested{request, agent});
    return request;
}

RequestToken FakeShell::deactivate(const AgentId& agent) {
    const RequestToken request{next_request_++};
    step(DeactivationRequested{request, agent, true});
    return request;
}

RequestToken FakeShell::reactivate(const AgentId& agent) {
    const RequestToken request{next_request_++};
    step(DeactivationRequested{request, agent, false});
    return request;
}

RequestToken FakeShell::update_weights(const std::map<std::string, double>& weights) {
    const RequestToken request{next_request_++};
    WeightsUpdateRequested requested{request, {}};
    for (const auto& [role, weight] : weights) {
        mesos::v1::WeightInfo& info = requested.infos.emplace_back();
        info.set_role(role);
        info.set_weight(weight);
    }
    step(std::move(requested));
    return request;
}

RequestToken FakeShell::operate(const AgentId& agent, mesos::v1::Offer::Operation operation,
                                std::optional<std::string> principal) {
    const RequestToken request{next_request_++};
    step(OperationRequested{request, agent, std::move(operation), std::move(principal)});
    return request;
}

RequestToken FakeShell::update_quota(std::vector<mesos::v1::quota::QuotaConfig> configs, bool force,
                                     QuotaUpdateRequested::Only only) {
    const RequestToken request{next_request_++};
    step(QuotaUpdateRequested{request, std::move(configs), force, only});
    return request;
}

void FakeShell::whitelist(std::optional<std::set<std::string>> hostnames) {
    step(WhitelistChanged{std::move(hostnames)});
}

const Result<void>* FakeShell::answer(RequestToken request) const {
    const auto it = answers_.find(request);
    return it == answers_.end() ? nullptr : &it->second;
}

bool FakeShell::logged(std::string_view part) const {
    return std::ranges::any_of(
        log_, [part](const std::string& line) { return line.find(part) != std::string::npos; });
}

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
