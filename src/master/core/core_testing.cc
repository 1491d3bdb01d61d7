#include "master/core/core_testing.h"

#include <gtest/gtest.h>

#include "base/overloaded.h"
#include "master/core/ledger.h"

namespace tepui::master::testing {

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

}  // namespace tepui::master::testing
