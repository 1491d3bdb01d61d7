#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::exited;
using testing::framework_info;
using testing::task_info;
using testing::World;
using Outcome = ProbeResult::Outcome;
using Status = v1::TaskStatus;

const ProbeResult good{Outcome::answered, 0};
const ProbeResult bad{Outcome::answered, 7};
const ProbeResult hung{Outcome::timed_out};

v1::TaskInfo with_health(const std::function<void(v1::HealthCheck&)>& change = {}) {
    v1::TaskInfo task = task_info("t");
    v1::HealthCheck& check = *task.mutable_health_check();
    check.set_type(v1::HealthCheck::COMMAND);
    check.mutable_command()->set_value("true");
    check.set_delay_seconds(0);
    check.set_grace_period_seconds(0);
    if (change) change(check);
    return task;
}

v1::TaskInfo with_check(const std::function<void(v1::CheckInfo&)>& change = {}) {
    v1::TaskInfo task = task_info("t");
    v1::CheckInfo& check = *task.mutable_check();
    check.set_type(v1::CheckInfo::COMMAND);
    check.mutable_command()->mutable_command()->set_value("true");
    check.set_delay_seconds(0);
    if (change) change(check);
    return task;
}

struct Checked : World {
    explicit Checked(const v1::TaskInfo& task, bool killing = true) {
        start();
        begun = now.instant;
        run(framework_info("f1", true, true, killing), task);
    }
    /// Seconds after the task's start at which the probes began.
    std::vector<double> times() const {
        std::vector<double> list;
        for (const auto& [probe, at] : probes) list.push_back(seconds(at - begun));
        return list;
    }
    /// The probe that is out, after whatever time passes until there is one.
    StartProbe next_probe() {
        const std::size_t before = answered++;
        for (int i = 0; probes.size() <= before && i < 100; ++i) advance(1s);
        return probes.at(before).first;
    }
    void answer(const ProbeResult& result) {
        const StartProbe probe = next_probe();
        feed(ProbeEnded{probe.probe, probe.container, result});
    }
    /// A line for each update: state, reason, healthy, check's result.
    std::vector<std::string> told() const {
        std::vector<std::string> lines;
        for (const Status& status : updates("t")) {
            std::string line = v1::TaskState_Name(status.state()).substr(5);
            if (status.reason() == Status::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED) line += " H";
            if (status.reason() == Status::REASON_TASK_CHECK_STATUS_UPDATED) line += " C";
            if (status.has_healthy()) line += status.healthy() ? " healthy" : " unhealthy";
            if (status.has_check_status()) {
                const v1::CheckStatusInfo& check = status.check_status();
                if (check.has_command()) line += " command";
                if (check.command().has_exit_code())
                    line += fmt::format("={}", check.command().exit_code());
                if (check.has_http()) line += " http";
                if (check.http().has_status_code())
                    line += fmt::format("={}", check.http().status_code());
                if (check.has_tcp()) line += " tcp";
                if (check.tcp().has_succeeded()) line += check.tcp().succeeded() ? "=1" : "=0";
            }
            lines.push_back(std::move(line));
        }
        return lines;
    }

    Instant begun;
    std::size_t answered = 0;
};

TEST(Checks, RecordedSituationHealthCheckFailsTwice) {
    Checked world(with_health([](auto& check) { check.set_consecutive_failures(2); }));
    world.answer(bad);
    world.answer(bad);
    EXPECT_THAT(world.told(), ElementsAre("STARTING", "RUNNING", "RUNNING H unhealthy",
                                          "RUNNING H unhealthy", "KILLING", "KILLED unhealthy"));
    const auto updates = world.updates("t");
    for (const Status& status : updates) {
        EXPECT_EQ(status.source(), Status::SOURCE_EXECUTOR);
        EXPECT_TRUE(status.has_container_status());
        EXPECT_EQ(status.has_reason(),
                  status.reason() == Status::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
        EXPECT_EQ(status.has_message(), status.state() == v1::TASK_KILLED);
    }
    EXPECT_EQ(updates.back().message(), "Command terminated with signal Terminated");
}

TEST(Checks, RecordedSituationCheck) {
    Checked world(with_check());
    world.answer(bad);
    world.answer(bad);
    world.kill("t");
    EXPECT_THAT(world.told(),
                ElementsAre("STARTING command", "RUNNING command", "RUNNING C command=7",
                            "KILLING command", "KILLED command"));
}

TEST(Checks, KillingIsOnlyForFrameworksThatKnowIt) {
    Checked world(with_health([](auto& check) { check.set_consecutive_failures(1); }), false);
    world.answer(bad);
    EXPECT_THAT(world.told(),
                ElementsAre("STARTING", "RUNNING", "RUNNING H unhealthy", "KILLED unhealthy"));
}

TEST(Checks, TaskWithoutThemIsNeverLookedAt) {
    Checked world(task_info("t"));
    world.advance(10min);
    EXPECT_TRUE(world.probes.empty());
    EXPECT_THAT(world.told(), ElementsAre("STARTING", "RUNNING"));
}

TEST(Checks, DefaultsAreFifteenTenAndTwentySeconds) {
    v1::TaskInfo task = task_info("t");
    task.mutable_health_check()->mutable_command()->set_value("true");
    Checked world(task);
    world.answer(good);
    world.answer(good);
    EXPECT_THAT(world.times(), ElementsAre(15, 25));
    EXPECT_EQ(world.probes[0].first.timeout, 20s);

    v1::TaskInfo checked = task_info("t");
    checked.mutable_check()->set_type(v1::CheckInfo::TCP);
    checked.mutable_check()->mutable_tcp()->set_port(80);
    Checked other(checked);
    other.answer(good);
    other.answer(good);
    EXPECT_THAT(other.times(), ElementsAre(15, 25));
    EXPECT_EQ(other.probes[0].first.timeout, 20s);
}

TEST(Checks, IntervalCountsFromTheEndOfTheLastLook) {
    Checked world(with_health([](auto& check) {
        check.set_delay_seconds(2);
        check.set_interval_seconds(5);
    }));
    const StartProbe first = world.next_probe();
    world.advance(4s);
    EXPECT_EQ(world.probes.size(), 1U);  // One look at a time.
    world.feed(ProbeEnded{first.probe, first.container, good});
    world.answer(good);
    EXPECT_THAT(world.times(), ElementsAre(2, 11));
}

TEST(Checks, HealthIsToldWhenItChangesAndOnEachFailure) {
    Checked world(with_health());
    for (const ProbeResult& result : {good, good, bad, hung, good, good, bad}) {
        world.answer(result);
    }
    EXPECT_THAT(world.told(),
                ElementsAre("STARTING", "RUNNING", "RUNNING H healthy", "RUNNING H unhealthy",
                            "RUNNING H unhealthy", "RUNNING H healthy", "RUNNING H unhealthy"));
}

TEST(Checks, FailuresInTheGracePeriodDoNotCount) {
    Checked world(with_health([](auto& check) {
        check.set_grace_period_seconds(25);
        check.set_interval_seconds(10);
        check.set_consecutive_failures(1);
    }));
    for (int i = 0; i < 3; ++i) world.answer(bad);  // At 0, 10 and 20 s.
    EXPECT_THAT(world.told(), ElementsAre("STARTING", "RUNNING"));
    world.answer(bad);  // At 30 s.
    EXPECT_EQ(world.told().back(), "KILLED unhealthy");
}

TEST(Checks, GracePeriodIsOverWithTheFirstSuccess) {
    Checked world(with_health([](auto& check) { check.set_grace_period_seconds(1000); }));
    world.answer(bad);
    world.answer(good);
    world.answer(bad);
    EXPECT_THAT(world.told(),
                ElementsAre("STARTING", "RUNNING", "RUNNING H healthy", "RUNNING H unhealthy"));
}

TEST(Checks, WhatIsHealthy) {
    struct Row {
        const char* name;
        v1::HealthCheck::Type type;
        ProbeResult result;
        bool healthy;
    };
    using Health = v1::HealthCheck;
    const Row rows[] = {
        {"exit 0", Health::COMMAND, {Outcome::answered, 0}, true},
        {"exit 1", Health::COMMAND, {Outcome::answered, 1}, false},
        {"no process", Health::COMMAND, {Outcome::failed}, false},
        {"command hangs", Health::COMMAND, {Outcome::timed_out}, false},
        {"status 199", Health::HTTP, {Outcome::answered, 199}, false},
        {"status 200", Health::HTTP, {Outcome::answered, 200}, true},
        {"status 399", Health::HTTP, {Outcome::answered, 399}, true},
        {"status 400", Health::HTTP, {Outcome::answered, 400}, false},
        {"no response", Health::HTTP, {Outcome::failed}, false},
        {"connected", Health::TCP, {Outcome::answered, 1}, true},
        {"refused", Health::TCP, {Outcome::answered, 0}, false},
        {"connecting hangs", Health::TCP, {Outcome::timed_out}, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Checked world(with_health([&](auto& check) {
            check.set_type(row.type);
            check.mutable_http()->set_port(80);
            check.mutable_tcp()->set_port(80);
        }));
        world.answer(row.result);
        EXPECT_EQ(world.told().back(), row.healthy ? "RUNNING H healthy" : "RUNNING H unhealthy");
    }
}

TEST(Checks, ResultsOfChecks) {
    struct Row {
        const char* name;
        v1::CheckInfo::Type type;
        ProbeResult result;
        const char* told;
    };
    using Check = v1::CheckInfo;
    const Row rows[] = {
        {"exit 0", Check::COMMAND, {Outcome::answered, 0}, "RUNNING C command=0"},
        {"command hangs", Check::COMMAND, {Outcome::timed_out}, "RUNNING command"},
        {"no process", Check::COMMAND, {Outcome::failed}, "RUNNING command"},
        {"status 503", Check::HTTP, {Outcome::answered, 503}, "RUNNING C http=503"},
        {"no response", Check::HTTP, {Outcome::failed}, "RUNNING http"},
        {"connected", Check::TCP, {Outcome::answered, 1}, "RUNNING C tcp=1"},
        {"refused", Check::TCP, {Outcome::answered, 0}, "RUNNING C tcp=0"},
        {"connecting hangs", Check::TCP, {Outcome::timed_out}, "RUNNING tcp"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Checked world(with_check([&](auto& check) {
            check.set_type(row.type);
            check.mutable_http()->set_port(80);
            check.mutable_tcp()->set_port(80);
        }));
        world.answer(row.result);
        EXPECT_EQ(world.told().back(), row.told);
    }
}

TEST(Checks, CheckTellsChangesOnlyAndNeverKills) {
    Checked world(with_check());
    for (const ProbeResult& result : {good, good, bad, bad, hung, hung, bad}) world.answer(result);
    EXPECT_THAT(world.told(),
                ElementsAre("STARTING command", "RUNNING command", "RUNNING C command=0",
                            "RUNNING C command=7", "RUNNING C command", "RUNNING C command=7"));
    EXPECT_TRUE(world.signals.empty());
}

TEST(Checks, EachKeepsWhatTheOtherTold) {
    v1::TaskInfo task = with_check([](auto& check) { check.set_delay_seconds(1); });
    *task.mutable_health_check() = with_health().health_check();
    Checked world(task);
    world.answer(good);  // Health, at once.
    world.answer(bad);   // Check, after a second.
    world.answer(bad);   // Health again.
    EXPECT_THAT(world.told(),
                ElementsAre("STARTING command", "RUNNING command", "RUNNING H healthy command",
                            "RUNNING C healthy command=7", "RUNNING H unhealthy command=7"));
}

TEST(Checks, TargetsAreWhatWasAskedFor) {
    using Health = v1::HealthCheck;
    const auto target = [](const std::function<void(Health&)>& change) {
        v1::TaskInfo task = with_health([&](auto& check) {
            check.clear_type();
            check.clear_command();
            change(check);
        });
        Checked world(task);
        return world.next_probe().target;
    };
    const auto command = target([](auto& check) { check.mutable_command()->set_value("x"); });
    EXPECT_EQ(std::get<CommandProbe>(command).command.value(), "x");
    // Without a type: what is set.
    EXPECT_EQ(std::get<HttpProbe>(target([](auto& check) { check.mutable_http()->set_port(8); })),
              (HttpProbe{"http", 8, "/", false}));
    EXPECT_EQ(std::get<HttpProbe>(target([](auto& check) {
                  check.mutable_http()->set_port(443);
                  check.mutable_http()->set_scheme("https");
                  check.mutable_http()->set_path("/health?deep=1");
                  check.mutable_http()->set_protocol(v1::NetworkInfo::IPv6);
              })),
              (HttpProbe{"https", 443, "/health?deep=1", true}));
    EXPECT_EQ(std::get<TcpProbe>(target([](auto& check) {
                  check.set_type(Health::TCP);
                  check.mutable_tcp()->set_port(65535);
              })),
              (TcpProbe{65535, false}));
    Checked checked(with_check([](auto& check) {
        check.set_type(v1::CheckInfo::HTTP);
        check.mutable_http()->set_port(81);
    }));
    EXPECT_EQ(std::get<HttpProbe>(checked.next_probe().target),
              (HttpProbe{"http", 81, "/", false}));
}

TEST(Checks, KillEndsTheLooks) {
    Checked world(with_health());
    world.ignores_term = true;
    const StartProbe probe = world.next_probe();
    world.kill("t");
    EXPECT_THAT(world.probes_stopped, ElementsAre(probe.container));
    world.feed(ProbeEnded{probe.probe, probe.container, bad});  // It crossed the kill.
    world.advance(2s);
    EXPECT_EQ(world.probes.size(), 1U);
    EXPECT_THAT(world.told(), ElementsAre("STARTING", "RUNNING", "KILLING"));
    EXPECT_EQ(world.told().back(), "KILLING");
    world.advance(1min);
    EXPECT_EQ(world.told().back(), "KILLED");  // Not for its health.
}

TEST(Checks, EndOfTheTaskEndsTheLooks) {
    Checked world(with_health());
    const StartProbe probe = world.next_probe();
    world.exit_task("t", exited(0));
    EXPECT_THAT(world.probes_stopped, ElementsAre(probe.container));
    world.feed(ProbeEnded{probe.probe, probe.container, bad});
    world.advance(1h);
    EXPECT_THAT(world.told(), ElementsAre("STARTING", "RUNNING", "FINISHED"));
}

TEST(Checks, AnswerOfAnotherLookIsIgnored) {
    Checked world(with_health());
    const StartProbe probe = world.next_probe();
    world.feed(ProbeEnded{ProbeId{probe.probe.value + 1}, probe.container, bad});
    EXPECT_THAT(world.told(), ElementsAre("STARTING", "RUNNING"));
    world.feed(ProbeEnded{probe.probe, probe.container, good});
    world.feed(ProbeEnded{probe.probe, probe.container, bad});
    EXPECT_EQ(world.told().back(), "RUNNING H healthy");
}

TEST(Checks, ATaskWithANetworkOfItsOwnIsLookedAtThere) {
    World world;
    world.containers_start = false;
    world.start();
    world.run(framework_info("f1", true, true, true), with_health([](auto& check) {
                  check.set_type(v1::HealthCheck::TCP);
                  check.mutable_tcp()->set_port(80);
              }));
    ContainerStarted started{world.container_of("t"), 7, {}};
    auto& network = *started.status.add_network_infos();
    network.add_ip_addresses()->set_ip_address("10.87.0.2");
    network.mutable_ip_addresses(0)->set_protocol(v1::NetworkInfo::IPv4);
    world.feed(started);
    for (int i = 0; world.probes.empty() && i < 10; ++i) world.advance(1s);
    ASSERT_FALSE(world.probes.empty());
    const StartProbe& probe = world.probes.front().first;
    EXPECT_EQ(probe.network_of, 7);
    EXPECT_EQ(std::get<TcpProbe>(probe.target), (TcpProbe{80, false, "10.87.0.2"}));
    Checked plain(with_health());
    EXPECT_EQ(plain.next_probe().network_of, 0);
}

TEST(Checks, KillPolicysGraceIsKept) {
    v1::TaskInfo task = with_health([](auto& check) { check.set_consecutive_failures(1); });
    task.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(Duration{30s}.count());
    Checked world(task);
    world.ignores_term = true;
    world.answer(bad);
    world.advance(29s);
    EXPECT_EQ(world.told().back(), "KILLING");
    world.advance(2s);
    EXPECT_EQ(world.told().back(), "KILLED unhealthy");
    EXPECT_EQ(world.last_message("t"), "Command terminated with signal Killed");
}

TEST(Checks, LatestStatusOfTheTaskHoldsWhatWasTold) {
    v1::TaskInfo task = with_check([](auto& check) { check.set_delay_seconds(1); });
    *task.mutable_health_check() = with_health().health_check();
    Checked world(task);
    world.answer(good);
    world.answer(bad);
    const TaskRun& run = world.core->state().frameworks.at(FrameworkId{"f1"}).tasks.at(TaskId{"t"});
    ASSERT_EQ(run.statuses.size(), 2U);  // STARTING and RUNNING.
    EXPECT_TRUE(run.statuses.back().healthy());
    EXPECT_EQ(run.statuses.back().check_status().command().exit_code(), 7);
}

TEST(Checks, RestartedAgentLooksOnAndKnowsWhatWasTold) {
    v1::TaskInfo task = with_check();
    *task.mutable_health_check() =
        with_health([](auto& check) { check.set_grace_period_seconds(10'000); }).health_check();
    Checked world(task);
    world.probe_answer = [](const StartProbe&) { return good; };
    world.advance(1s);
    EXPECT_EQ(world.told().back(), "RUNNING C healthy command=0");
    const std::size_t told = world.told().size();
    const std::size_t looked = world.probes.size();
    world.crash();
    world.start();
    EXPECT_GT(world.probes.size(), looked);
    EXPECT_EQ(world.told().size(), told) << "nothing has changed";
    // The grace period ended with the first success, which an earlier life saw.
    world.probe_answer = [](const StartProbe&) { return bad; };
    world.advance(11s);
    EXPECT_EQ(world.told().back(), "RUNNING C unhealthy command=7");
}

TEST(Checks, RestartDuringTheKillStillSaysWhy) {
    Checked world(with_health([](auto& check) { check.set_consecutive_failures(1); }));
    world.ignores_term = true;
    world.answer(bad);
    EXPECT_EQ(world.told().back(), "KILLING");
    world.crash();
    world.start();
    world.advance(1min);
    EXPECT_EQ(world.told().back(), "KILLED unhealthy");
    EXPECT_EQ(world.probes.size(), 1U);
}

TEST(Checks, RestartBeforeTheDelayWaitsForTheRestOfIt) {
    Checked world(with_health([](auto& check) { check.set_delay_seconds(100); }));
    world.advance(30s);
    world.crash();
    world.start();  // Takes a minute.
    EXPECT_TRUE(world.probes.empty());
    world.next_probe();
    EXPECT_THAT(world.times(), ElementsAre(100));
}

TEST(Checks, LooksThatAreDueAtAboutTheSameTimeAreMadeTogether) {
    World world;
    world.probe_answer = [](const StartProbe&) { return ProbeResult{Outcome::answered, 0}; };
    world.start();
    for (const char* id : {"a", "b", "c"}) {
        v1::TaskInfo task = with_check([](auto& check) { check.set_interval_seconds(1); });
        task.mutable_task_id()->set_value(id);
        world.run(framework_info("f1"), task);
        world.advance(2ms);
    }
    world.probes.clear();
    world.advance(20s);
    std::map<std::string, std::vector<Instant>> looks;
    for (const auto& [probe, at] : world.probes) looks[probe.container.value].push_back(at);
    ASSERT_EQ(looks.size(), 3U);
    const auto& first = looks.begin()->second;
    ASSERT_GE(first.size(), 18U);
    for (const auto& [container, times] : looks) {
        ASSERT_EQ(times.size(), first.size());
        for (std::size_t i = 1; i < times.size(); ++i) {
            EXPECT_EQ(times[i], first[i]);
            const Duration between = times[i] - times[i - 1];
            EXPECT_LE(between, 1s + 1s / 64 + 1ms);
            EXPECT_GE(between, 1s - 1s / 64 - 1ms);
        }
    }
}

TEST(Checks, FlappingTaskOfASilentFrameworkFillsNothing) {
    Checked world(with_check([](auto& check) { check.set_interval_seconds(0.1); }));
    world.master_acknowledges = false;
    int count = 0;
    world.probe_answer = [&](const StartProbe&) { return ProbeResult{Outcome::answered, ++count}; };
    world.advance(1min);
    EXPECT_GT(count, 500);
    const auto& stream = world.core->state().streams.begin()->second;
    EXPECT_LE(stream.queue.size(), 64U);
    // And when there is room again the latest is told.
    world.master_acknowledges = true;
    world.probe_answer = [&](const StartProbe&) { return ProbeResult{Outcome::answered, 42}; };
    world.advance(11min);
    EXPECT_EQ(world.told().back(), "RUNNING C command=42");
}

TEST(Checks, UnhealthyTaskOfAPodTakesTheOthersAlong) {
    World world;
    world.start();
    link::ToAgent frame;
    link::RunTaskGroup& group = *frame.mutable_run_task_group();
    *group.mutable_framework() = framework_info("f1");
    group.mutable_executor()->set_type(v1::ExecutorInfo::DEFAULT);
    group.mutable_executor()->mutable_executor_id()->set_value("pod");
    *group.mutable_task_group()->add_tasks() =
        with_health([](auto& check) { check.set_consecutive_failures(2); });
    *group.mutable_task_group()->add_tasks() = task_info("other");
    world.send(std::move(frame));
    world.probe_answer = [](const StartProbe&) { return bad; };
    world.advance(1min);
    ASSERT_EQ(world.probes.size(), 2U);
    const auto updates = world.updates("t");
    EXPECT_EQ(updates.back().state(), v1::TASK_KILLED);
    EXPECT_TRUE(updates.back().has_healthy());
    EXPECT_FALSE(updates.back().healthy());
    EXPECT_EQ(world.states("other").back(), v1::TASK_KILLED);
    EXPECT_FALSE(world.updates("other").back().has_healthy());
}

TEST(Checks, LaunchThatFailsIsNeverLookedAt) {
    Checked world(task_info("other"));
    world.containers_start = false;
    world.run(framework_info("f1"), with_health());
    world.feed(ContainerLaunchFailed{world.container_of("t"), Error{Errc::io, "no disk"}});
    world.advance(1h);
    EXPECT_TRUE(world.probes.empty());
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
}

}  // namespace
}  // namespace tepui::agent
