#include "cli/run/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tepui::cli {
namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;
using testing::HasSubstr;

RunSpec spec(std::size_t instances = 1) {
    RunSpec spec;
    spec.name = "job";
    spec.user = "me";
    spec.id = "job-1";
    spec.instances = instances;
    spec.needs = {{"cpus", Quantity{1000}}};
    spec.command.set_value("true");
    return spec;
}

/// Drives a RunCore and sorts what it answers.
class Driver {
public:
    explicit Driver(RunSpec spec) : core_(std::move(spec), now_) { take(core_.start(now_)); }

    void subscribed() {
        Event event;
        event.set_type(Event::SUBSCRIBED);
        event.mutable_subscribed()->mutable_framework_id()->set_value("F");
        event.mutable_subscribed()->set_heartbeat_interval_seconds(15);
        feed(event);
    }
    void offer(const std::string& id, double cpus) {
        Event event;
        event.set_type(Event::OFFERS);
        auto* offer = event.mutable_offers()->add_offers();
        offer->mutable_id()->set_value(id);
        offer->mutable_framework_id()->set_value("F");
        offer->mutable_agent_id()->set_value("S-" + id);
        offer->set_hostname("host-" + id);
        offer->mutable_url()->set_scheme("http");
        offer->mutable_url()->mutable_address()->set_ip("10.0.0.1");
        offer->mutable_url()->mutable_address()->set_port(5051);
        auto* resource = offer->add_resources();
        resource->set_name("cpus");
        resource->set_type(mesos::v1::Value::SCALAR);
        resource->mutable_scalar()->set_value(cpus);
        feed(event);
    }
    void update(const std::string& task, mesos::v1::TaskState state,
                const std::string& message = "", bool with_uuid = true) {
        Event event;
        event.set_type(Event::UPDATE);
        auto* status = event.mutable_update()->mutable_status();
        status->mutable_task_id()->set_value(task);
        status->set_state(state);
        status->set_message(message);
        status->mutable_agent_id()->set_value("S");
        if (with_uuid) status->set_uuid(std::string(16, 'u'));
        feed(event);
    }
    void feed(const Event& event) { step(EventCame{event}); }
    void step(const RunEvent& event) { take(core_.step(event, now_)); }
    /// To the next deadline, as the shell's timer does.
    void pass_to_deadline() {
        now_ = core_.next_deadline();
        step(TimePassed{});
    }
    void pass(Duration span) {
        now_ += span;
        step(TimePassed{});
    }

    std::vector<Call> calls(Call::Type type) const {
        std::vector<Call> found;
        for (const RunEffect& effect : effects) {
            const auto* send = std::get_if<SendCall>(&effect);
            if (send != nullptr && send->call.type() == type) found.push_back(send->call);
        }
        return found;
    }
    template <typename Effect>
    std::vector<Effect> all() const {
        std::vector<Effect> found;
        for (const RunEffect& effect : effects) {
            if (const auto* wanted = std::get_if<Effect>(&effect)) found.push_back(*wanted);
        }
        return found;
    }
    std::string notes() const {
        std::string text;
        for (const Note& note : all<Note>()) text += note.text + "\n";
        return text;
    }
    void forget() { effects.clear(); }
    Instant deadline() const { return core_.next_deadline(); }
    Instant now() const { return now_; }

    RunEffects effects;

private:
    void take(RunEffects more) {
        for (RunEffect& effect : more) effects.push_back(std::move(effect));
    }
    Instant now_{1h};
    RunCore core_;
};

TEST(RunCore, SubscribesWithItsCapabilities) {
    const Driver run(spec());
    ASSERT_EQ(run.all<Connect>().size(), 1U);
    const auto info = run.all<Connect>()[0].subscribe.subscribe().framework_info();
    EXPECT_TRUE(info.checkpoint());
    EXPECT_GT(info.failover_timeout(), 0);
    std::set<int> capabilities;
    for (const auto& capability : info.capabilities()) capabilities.insert(capability.type());
    EXPECT_TRUE(capabilities.contains(mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE));
    EXPECT_TRUE(capabilities.contains(mesos::v1::FrameworkInfo::Capability::TASK_KILLING_STATE));
    EXPECT_FALSE(info.has_id());
}

TEST(RunCore, WholeLifeOfOneTask) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 4);
    ASSERT_EQ(run.calls(Call::ACCEPT).size(), 1U);
    const Call accept = run.calls(Call::ACCEPT)[0];
    EXPECT_EQ(accept.framework_id().value(), "F");
    const auto& task = accept.accept().operations(0).launch().task_infos(0);
    EXPECT_EQ(task.task_id().value(), "job-1.0");
    EXPECT_EQ(task.agent_id().value(), "S-a");
    EXPECT_EQ(task.resources(0).scalar().value(), 1.0);
    EXPECT_EQ(run.calls(Call::SUPPRESS).size(), 1U);

    run.update("job-1.0", mesos::v1::TASK_STARTING);
    run.update("job-1.0", mesos::v1::TASK_RUNNING);
    ASSERT_EQ(run.all<FollowLogs>().size(), 1U);
    EXPECT_EQ(run.all<FollowLogs>()[0].agent, "10.0.0.1:5051");
    EXPECT_TRUE(run.all<Finish>().empty());

    run.update("job-1.0", mesos::v1::TASK_FAILED, "Command exited with status 7");
    EXPECT_EQ(run.calls(Call::ACKNOWLEDGE).size(), 3U);
    EXPECT_EQ(run.all<TaskEnded>().size(), 1U);
    ASSERT_EQ(run.all<Finish>().size(), 1U);
    EXPECT_EQ(run.all<Finish>()[0].code, 7);
    EXPECT_EQ(run.all<Finish>()[0].framework, FrameworkId{"F"});
    EXPECT_EQ(run.notes(), "");  // The exit status says it all.
    EXPECT_EQ(run.deadline(), Instant::max());
}

TEST(RunCore, DeclinesWhatDoesNotFitForLong) {
    Driver run(spec());
    run.subscribed();
    run.offer("small", 0.5);
    EXPECT_TRUE(run.calls(Call::ACCEPT).empty());
    ASSERT_EQ(run.calls(Call::DECLINE).size(), 1U);
    EXPECT_GE(run.calls(Call::DECLINE)[0].decline().filters().refuse_seconds(), 600);
    EXPECT_TRUE(run.calls(Call::SUPPRESS).empty());
}

TEST(RunCore, UpdatesWithoutUuidAreNotAcknowledged) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.update("job-1.0", mesos::v1::TASK_RUNNING, "", false);
    EXPECT_TRUE(run.calls(Call::ACKNOWLEDGE).empty());
}

TEST(RunCore, ExplainsWhyItWaitsOnceUntilItChanges) {
    Driver run(spec());
    run.subscribed();
    run.pass_to_deadline();
    EXPECT_THAT(run.notes(), HasSubstr("no offer has come"));
    run.forget();
    run.pass_to_deadline();
    EXPECT_EQ(run.notes(), "");
    run.offer("small", 0.5);
    run.pass_to_deadline();
    EXPECT_THAT(run.notes(), HasSubstr("host-small has cpus 0.5 of 1"));
}

TEST(RunCore, SeveralInstancesGiveTheFirstStatusThatIsNotZero) {
    Driver run(spec(3));
    run.subscribed();
    run.offer("a", 2);
    run.offer("b", 1);
    EXPECT_EQ(run.calls(Call::ACCEPT).size(), 2U);
    run.update("job-1.2", mesos::v1::TASK_FAILED, "Command exited with status 9");
    run.update("job-1.0", mesos::v1::TASK_FINISHED);
    EXPECT_TRUE(run.all<Finish>().empty());
    run.update("job-1.1", mesos::v1::TASK_FAILED, "Command exited with status 5");
    ASSERT_EQ(run.all<Finish>().size(), 1U);
    EXPECT_EQ(run.all<Finish>()[0].code, 5);
}

TEST(RunCore, LaunchThatWasDroppedIsTriedAgainWithAnotherId) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.forget();
    run.update("job-1.0", mesos::v1::TASK_DROPPED, "offer is gone", false);
    EXPECT_EQ(run.calls(Call::REVIVE).size(), 1U);
    run.offer("b", 1);
    ASSERT_EQ(run.calls(Call::ACCEPT).size(), 1U);
    EXPECT_EQ(
        run.calls(Call::ACCEPT)[0].accept().operations(0).launch().task_infos(0).task_id().value(),
        "job-1.0-1");
    run.update("job-1.0-1", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(run.all<Finish>().at(0).code, 0);
}

TEST(RunCore, DropsEndAfterAFewAttempts) {
    Driver run(spec());
    run.subscribed();
    for (int attempt = 0; attempt < 20 && run.all<Finish>().empty(); ++attempt) {
        run.offer("a", 1);
        const auto accepts = run.calls(Call::ACCEPT);
        run.update(accepts.back().accept().operations(0).launch().task_infos(0).task_id().value(),
                   mesos::v1::TASK_DROPPED);
    }
    ASSERT_EQ(run.all<Finish>().size(), 1U);
    EXPECT_EQ(run.all<Finish>()[0].code, 1);
    EXPECT_EQ(run.calls(Call::ACCEPT).size(), 5U);
}

TEST(RunCore, ReconnectsWithItsIdAndReconciles) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.update("job-1.0", mesos::v1::TASK_RUNNING);
    run.forget();
    run.step(StreamLost{Error{Errc::io, "broken"}});
    EXPECT_TRUE(run.all<Connect>().empty());
    run.pass_to_deadline();
    ASSERT_EQ(run.all<Connect>().size(), 1U);
    const auto subscribe = run.all<Connect>()[0].subscribe;
    EXPECT_EQ(subscribe.framework_id().value(), "F");
    EXPECT_EQ(subscribe.subscribe().framework_info().id().value(), "F");
    EXPECT_EQ(subscribe.subscribe().suppressed_roles_size(), 1);
    run.subscribed();
    ASSERT_EQ(run.calls(Call::RECONCILE).size(), 1U);
    EXPECT_EQ(run.calls(Call::RECONCILE)[0].reconcile().tasks(0).task_id().value(), "job-1.0");
    run.update("job-1.0", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(run.all<Finish>().size(), 1U);
}

TEST(RunCore, BacksOffUpToFifteenSeconds) {
    Driver run(spec());
    run.subscribed();
    std::vector<Duration> waits;
    for (int i = 0; i < 8; ++i) {
        run.step(StreamLost{Error{Errc::unavailable, "no leader"}});
        run.forget();
        const Instant before = run.now();
        while (run.all<Connect>().empty()) run.pass_to_deadline();
        waits.push_back(run.now() - before);
    }
    EXPECT_EQ(waits.front(), 500ms);
    EXPECT_TRUE(std::is_sorted(waits.begin(), waits.end()));
    EXPECT_EQ(waits.back(), 15s);
}

TEST(RunCore, SilentMasterIsLeft) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.forget();
    run.pass(5 * 15s);
    EXPECT_THAT(run.notes(), HasSubstr("silent"));
    run.pass_to_deadline();
    EXPECT_EQ(run.all<Connect>().size(), 1U);
}

TEST(RunCore, NoMasterAtTheStartGivesUpAtOnce) {
    Driver run(spec());
    run.step(StreamLost{Error{Errc::io, "connection refused"}});
    ASSERT_EQ(run.all<GiveUp>().size(), 1U);
    EXPECT_EQ(run.all<GiveUp>()[0].error.text, "connection refused");
}

TEST(RunCore, MasterWithoutLeaderIsWaitedFor) {
    Driver run(spec());
    run.step(StreamLost{Error{Errc::unavailable, "no leader"}});
    EXPECT_TRUE(run.all<GiveUp>().empty());
    run.pass_to_deadline();
    EXPECT_EQ(run.all<Connect>().size(), 2U);
}

TEST(RunCore, DenialEndsIt) {
    Driver run(spec());
    run.subscribed();
    run.step(StreamLost{Error{Errc::denied, "not allowed"}});
    ASSERT_EQ(run.all<GiveUp>().size(), 1U);
    EXPECT_EQ(run.all<GiveUp>()[0].error.code, Errc::denied);
}

TEST(RunCore, ErrorEventEndsItWithoutTeardown) {
    Driver run(spec());
    run.subscribed();
    Event event;
    event.set_type(Event::ERROR);
    event.mutable_error()->set_message("Framework has been removed");
    run.feed(event);
    ASSERT_EQ(run.all<GiveUp>().size(), 1U);
    EXPECT_EQ(run.all<GiveUp>()[0].framework, std::nullopt);
}

TEST(RunCore, RefusedCallsReconnectAndThenGiveUp) {
    Driver run(spec());
    run.subscribed();
    for (int i = 0; i < 4; ++i) {
        run.step(CallRefused{Call::ACCEPT, "400"});
        EXPECT_TRUE(run.all<GiveUp>().empty());
        run.forget();
        while (run.all<Connect>().empty()) run.pass_to_deadline();
        run.subscribed();
    }
    run.step(CallRefused{Call::ACCEPT, "400"});
    EXPECT_EQ(run.all<GiveUp>().size(), 1U);
}

TEST(RunCore, InterruptKillsAndWaits) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.update("job-1.0", mesos::v1::TASK_RUNNING);
    run.step(Interrupted{});
    EXPECT_EQ(run.calls(Call::KILL).size(), 1U);
    EXPECT_TRUE(run.all<Finish>().empty());
    run.pass_to_deadline();  // KILL is not acknowledged, so it is sent again.
    EXPECT_EQ(run.calls(Call::KILL).size(), 2U);
    run.update("job-1.0", mesos::v1::TASK_KILLED, "Command terminated with signal Terminated");
    EXPECT_EQ(run.all<Finish>().at(0).code, 130);
}

TEST(RunCore, SecondInterruptEndsAtOnce) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.step(Interrupted{});
    run.step(Interrupted{});
    ASSERT_EQ(run.all<Finish>().size(), 1U);
    EXPECT_EQ(run.all<Finish>()[0].framework, FrameworkId{"F"});
}

TEST(RunCore, InterruptWithoutAMasterEndsInTime) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.step(StreamLost{Error{Errc::unavailable, "refused"}});
    const Instant interrupted = run.now();
    run.step(Interrupted{});
    for (int tries = 0; tries < 20 && run.all<Finish>().empty(); ++tries) {
        run.pass_to_deadline();
        run.step(StreamLost{Error{Errc::unavailable, "refused"}});
    }
    ASSERT_EQ(run.all<Finish>().size(), 1U);
    EXPECT_EQ(run.all<Finish>()[0].code, 130);
    EXPECT_LE(run.now() - interrupted, 15s);
    EXPECT_FALSE(run.all<Finish>()[0].framework) << "nobody is there to tear it down";
    EXPECT_NE(run.all<Note>().back().text.find("'tepui teardown F'"), std::string::npos);
}

TEST(RunCore, InterruptIsCarriedOutByTheMasterThatComesBack) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.step(Interrupted{});
    run.step(StreamLost{Error{Errc::unavailable, "refused"}});
    run.pass_to_deadline();
    run.forget();
    run.subscribed();
    EXPECT_EQ(run.calls(Call::KILL).size(), 1U);
    run.pass(60s);
    EXPECT_TRUE(run.all<Finish>().empty());
}

TEST(RunCore, InterruptBeforeAnyLaunchEndsAtOnce) {
    Driver run(spec());
    run.subscribed();
    run.step(Interrupted{});
    EXPECT_EQ(run.all<Finish>().at(0).code, 130);
}

TEST(RunCore, OffersAfterAnInterruptAreDeclined) {
    Driver run(spec(2));
    run.subscribed();
    run.offer("a", 1);
    run.step(Interrupted{});
    run.forget();
    run.offer("b", 9);
    EXPECT_TRUE(run.calls(Call::ACCEPT).empty());
    EXPECT_EQ(run.calls(Call::DECLINE).size(), 1U);
}

TEST(RunCore, TimeoutKillsAndEndsWithFour) {
    RunSpec limited = spec();
    limited.timeout = 10s;
    Driver run(limited);
    run.subscribed();
    run.offer("a", 1);
    run.update("job-1.0", mesos::v1::TASK_RUNNING);
    run.pass(10s);
    EXPECT_EQ(run.calls(Call::KILL).size(), 1U);
    run.update("job-1.0", mesos::v1::TASK_KILLED);
    EXPECT_EQ(run.all<Finish>().at(0).code, 4);
}

TEST(RunCore, UnreachableTaskIsWaitedFor) {
    Driver run(spec());
    run.subscribed();
    run.offer("a", 1);
    run.update("job-1.0", mesos::v1::TASK_RUNNING);
    run.update("job-1.0", mesos::v1::TASK_UNREACHABLE);
    EXPECT_TRUE(run.all<Finish>().empty());
    EXPECT_THAT(run.notes(), HasSubstr("out of reach"));
    run.update("job-1.0", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(run.all<Finish>().at(0).code, 0);
}

TEST(RunCore, UnknownAfterReconciliation) {
    Driver never_seen(spec());
    never_seen.subscribed();
    never_seen.offer("a", 1);
    never_seen.update("job-1.0", mesos::v1::TASK_UNKNOWN, "", false);
    EXPECT_EQ(never_seen.calls(Call::REVIVE).size(), 1U);  // The ACCEPT was lost: launch again.

    Driver seen(spec());
    seen.subscribed();
    seen.offer("a", 1);
    seen.update("job-1.0", mesos::v1::TASK_RUNNING);
    seen.update("job-1.0", mesos::v1::TASK_UNKNOWN, "", false);
    EXPECT_EQ(seen.all<Finish>().at(0).code, 1);  // It ran: it must not run twice.
}

}  // namespace
}  // namespace tepui::cli
