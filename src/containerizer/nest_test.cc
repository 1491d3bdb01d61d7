#include "containerizer/nest.h"

#include <signal.h>

#include <map>

#include "containerizer/containerizer_fixture.h"

namespace tepui::containerizer {
namespace {

TEST(Nest, IsReadAsItWasWritten) {
    const Nest nest{"pod", "pod/child"};
    EXPECT_EQ(parse_nest(encode_nest(nest), "child"), nest);
    const Nest shared{"pod", ""};
    EXPECT_EQ(parse_nest(encode_nest(shared), "child"), shared);
    EXPECT_EQ(parse_nest("", "alone"), (Nest{"", "alone"}));
}

class NestTest : public RecoveringTest {
protected:
    LaunchSpec pod_spec() const {
        LaunchSpec pod = spec("pod", "");
        pod.command.Clear();
        pod.hold = true;
        pod.mem_mb = 64;
        return pod;
    }
    LaunchSpec child_spec(const std::string& id, const std::string& command,
                          bool share = true) const {
        LaunchSpec child = spec(id, command);
        child.sandbox = pod_spec().sandbox + "/containers/" + id;
        child.parent = ContainerId("pod");
        child.share_cgroups = share;
        child.shown_as = "tasks/" + id;
        return child;
    }
    Task start_pod() {
        Task pod = launch(pod_spec());
        const auto started = pod.await_started();
        EXPECT_TRUE(started) << started.error().error.text;
        return pod;
    }
    std::int64_t start_child(Task& child) {
        const auto started = child.await_started();
        EXPECT_TRUE(started) << started.error().error.text;
        return started ? started->pid : 0;
    }
    void end_pod(Task& pod) {
        containerizer_->destroy(pod.id);
        pod.await_exited();
        containerizer_->forget(pod.id);
    }

    std::map<std::string, Found> recover_by_id(const std::vector<std::string>& expected) {
        std::map<std::string, Found> by_id;
        for (Found& one : recover(expected)) by_id.emplace(one.container.value, one);
        return by_id;
    }
    void forget_all(const std::vector<std::string>& ids) {
        for (const std::string& id : ids) containerizer_->forget(ContainerId(id));
    }
};

TEST_F(NestTest, PodHoldsItsPlaceAndRunsNothing) {
    Task pod = start_pod();
    EXPECT_TRUE(std::filesystem::exists(pod.sandbox + "/stdout"));
    EXPECT_EQ(out(pod), "");
    const auto usage = containerizer_->usage(pod.id);
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->processes(), 0u);
    EXPECT_EQ(usage->mem_limit_bytes(), 64u << 20);
    containerizer_->signal(pod.id, SIGTERM);
    EXPECT_EQ(pod.await_exited().status, SIGTERM);
    containerizer_->forget(pod.id);
}

TEST_F(NestTest, SharedOnesLiveInThePodsCgroupAndEndAlone) {
    Task pod = start_pod();
    Task stays = launch(child_spec("stays", "exec sleep 1000"));
    Task ends = launch(child_spec("ends", "echo here; pwd; exit 3"));
    start_child(stays);
    EXPECT_EQ(ends.finish().status, 3 << 8);
    EXPECT_EQ(out(ends), "here\n" + ends.sandbox + "\n");
    EXPECT_EQ(read(pod.sandbox + "/tasks/ends/stdout"), out(ends));
    EXPECT_EQ(own_groups().names(), std::vector<std::string>{"pod"});
    EXPECT_EQ(own_groups().names("pod"), std::vector<std::string>{});
    EXPECT_EQ(containerizer_->usage(pod.id)->processes(), 1u);
    containerizer_->signal(stays.id, SIGKILL);
    EXPECT_EQ(stays.await_exited().status, SIGKILL);
    EXPECT_EQ(containerizer_->usage(pod.id)->processes(), 0u);
    forget_all({"stays", "ends"});
    end_pod(pod);
}

TEST_F(NestTest, SharedOneWithoutAPidNamespaceEndsAlone) {
    options_.isolation = {"cgroups/cpu", "cgroups/mem", "cgroups/pids"};
    Task pod = start_pod();
    Task stays = launch(child_spec("stays", "exec sleep 1000"));
    Task ends = launch(child_spec("ends", "sleep 1000 & sleep 1000"));
    const std::int64_t pid = start_child(stays);
    start_child(ends);
    containerizer_->signal(ends.id, SIGTERM);
    EXPECT_EQ(ends.await_exited().status, SIGTERM);
    EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), 0) << "the other one ended too";
    EXPECT_EQ(containerizer_->usage(pod.id)->processes(), 1u);
    containerizer_->destroy(stays.id);
    EXPECT_EQ(stays.await_exited().status, SIGKILL);
    forget_all({"stays", "ends"});
    end_pod(pod);
}

TEST_F(NestTest, OwnCgroupIsBeneathThePodsWithItsOwnLimit) {
    Task pod = launch([&] {
        LaunchSpec big = pod_spec();
        big.mem_mb = 512;
        return big;
    }());
    ASSERT_TRUE(pod.await_started());
    Task stays = launch(child_spec("stays", "exec sleep 1000", false));
    start_child(stays);
    EXPECT_EQ(own_groups().names("pod"), std::vector<std::string>{"pod/stays"});
    EXPECT_EQ(containerizer_->usage(stays.id)->mem_limit_bytes(), 64u << 20);
    // Its own limit ends it, and nobody else.
    Task eats = launch(child_spec("eats", "head -c 200m /dev/zero | tail", false));
    const Exited end = eats.finish();
    ASSERT_TRUE(end.limit);
    EXPECT_EQ(end.limit->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY);
    EXPECT_EQ(own_groups().names("pod"), std::vector<std::string>{"pod/stays"});
    EXPECT_EQ(containerizer_->usage(stays.id)->processes(), 1u);
    end_pod(pod);
    EXPECT_FALSE(stays.await_exited().status) << "it ended with its pod, not by itself";
    forget_all({"stays", "eats"});
}

TEST_F(NestTest, MemoryOfThePodEndsAllOfIt) {
    Task pod = start_pod();
    Task idle = launch(child_spec("idle", "sleep 1000"));
    start_child(idle);
    Task eats = launch(child_spec("eats", "head -c 200m /dev/zero | tail"));
    for (Task* task : {&eats, &idle, &pod}) {
        if (task == &eats) {
            ASSERT_TRUE(eats.await_started());
        }
        const Exited end = task->await_exited();
        ASSERT_TRUE(end.limit) << task->id.value;
        EXPECT_EQ(end.limit->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY);
    }
    forget_all({"idle", "eats", "pod"});
}

TEST_F(NestTest, EndOfThePodEndsItsOwnFirst) {
    Task pod = start_pod();
    Task shares = launch(child_spec("shares", "trap '' TERM; sleep 1000"));
    Task apart = launch(child_spec("apart", "setsid sleep 1000 & sleep 1000", false));
    const std::int64_t pid = start_child(shares);
    start_child(apart);
    containerizer_->destroy(pod.id);
    pod.await_exited();
    for (Task* task : {&shares, &apart}) {
        ASSERT_EQ(task->exited.wait_for(std::chrono::seconds{0}), std::future_status::ready)
            << "the end of " << task->id.value << " was told after that of its pod";
        EXPECT_FALSE(task->exited.get().status);
    }
    EXPECT_NE(::kill(static_cast<pid_t>(pid), 0), 0);
    EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
    forget_all({"shares", "apart", "pod"});
}

TEST_F(NestTest, NothingIsLaunchedInWhatDoesNotRun) {
    start();
    Task early = launch(child_spec("early", "true"));
    const auto none = early.await_started();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().error.code, Errc::not_found);
    Task pod = start_pod();
    end_pod(pod);
    Task late = launch(child_spec("late", "true"));
    EXPECT_FALSE(late.await_started());
}

TEST_F(NestTest, LimitsFollow) {
    Task pod = start_pod();
    Task child = launch(child_spec("child", "sleep 1000"));
    start_child(child);
    ASSERT_TRUE(containerizer_->update(
        pod.id, {.cpus = 2.0, .cpus_limit = std::nullopt, .mem_mb = 128.0}, 1));
    const auto usage = containerizer_->usage(pod.id);
    EXPECT_EQ(usage->mem_limit_bytes(), 128u << 20);
    EXPECT_EQ(usage->cpus_soft_limit(), 2.0);
    end_pod(pod);
    child.await_exited();
    forget_all({"child"});
}

TEST_F(NestTest, AllAreAdoptedWithTheirPids) {
    Task pod = start_pod();
    Task shares = launch(child_spec("shares", "sleep 1000"));
    Task apart = launch(child_spec("apart", "sleep 1000", false));
    const std::int64_t shares_pid = start_child(shares);
    const std::int64_t apart_pid = start_child(apart);
    // Sorted as the agent keeps them: children may come first.
    const auto found = recover_by_id({"apart", "pod", "shares"});
    ASSERT_EQ(found.size(), 3u);
    for (const auto& [id, one] : found) EXPECT_TRUE(one.running) << id;
    EXPECT_EQ(found.at("shares").pid, shares_pid);
    EXPECT_EQ(found.at("apart").pid, apart_pid);
    containerizer_->destroy(shares.id);
    EXPECT_EQ(await_end("shares").status, SIGKILL);
    EXPECT_EQ(::kill(static_cast<pid_t>(apart_pid), 0), 0);
    // Another group into the adopted pod.
    Task more = launch(child_spec("more", "exit 5"));
    EXPECT_EQ(more.finish().status, 5 << 8);
    containerizer_->destroy(pod.id);
    await_end("pod");
    EXPECT_FALSE(await_end("apart").status);
    EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
    forget_all({"pod", "shares", "apart", "more"});
}

TEST_F(NestTest, OfALostPodNothingLivesOn) {
    Task pod = start_pod();
    Task shares = launch(child_spec("shares", "sleep 1000"));
    Task apart = launch(child_spec("apart", "sleep 1000", false));
    const std::int64_t pid = start_child(shares);
    start_child(apart);
    Task over = launch(child_spec("over", "exit 7"));
    EXPECT_EQ(over.finish().status, 7 << 8);
    const auto usage = containerizer_->usage(pod.id);
    containerizer_.reset();
    // The pod's shim is killed while no agent looks.
    const std::string children = read(fmt::format("/proc/{0}/task/{0}/children", ::getpid()));
    std::istringstream words(children);
    pid_t shim = 0;
    for (pid_t child = 0; words >> child;) {
        const std::string own = read(fmt::format("/proc/{0}/task/{0}/children", child));
        if (own.empty()) shim = child;  // The only one that runs nothing.
    }
    ASSERT_GT(shim, 0);
    ::kill(shim, SIGKILL);
    ::waitpid(shim, nullptr, 0);
    const auto found = recover_by_id({"apart", "over", "pod", "shares"});
    ASSERT_EQ(found.size(), 4u);
    for (const auto& [id, one] : found) {
        EXPECT_FALSE(one.running) << id;
        ASSERT_TRUE(one.exited) << id;
    }
    EXPECT_EQ(found.at("over").exited->status, 7 << 8) << "it had ended by itself";
    EXPECT_FALSE(found.at("shares").exited->status);
    EXPECT_FALSE(found.at("apart").exited->status);
    EXPECT_TRUE(await_gone(pid));
    EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
    reap_former_shims();
    forget_all({"pod", "shares", "apart", "over"});
}

TEST_F(NestTest, ChildThatTheAgentForgotIsSweptFromALivingPod) {
    Task pod = start_pod();
    Task shares = launch(child_spec("shares", "sleep 1000"));
    Task apart = launch(child_spec("apart", "setsid sleep 1000 & sleep 1000", false));
    const std::int64_t shares_pid = start_child(shares);
    const std::int64_t apart_pid = start_child(apart);
    const auto found = recover_by_id({"pod"});
    EXPECT_TRUE(found.at("pod").running);
    EXPECT_TRUE(await_gone(shares_pid));
    EXPECT_TRUE(await_gone(apart_pid));
    EXPECT_EQ(own_groups().names("pod"), std::vector<std::string>{});
    EXPECT_EQ(containerizer_->usage(pod.id)->processes(), 0u);
    EXPECT_EQ(entries(containers_dir()), 1u);
    containerizer_->destroy(pod.id);
    await_end("pod");
    reap_former_shims();
    forget_all({"pod"});
}

TEST_F(NestTest, LaunchThatStoppedAtAnyStepIsSwept) {
    Task pod = start_pod();
    const cgroups::Groups groups = own_groups();
    const auto runtime = [&](const std::string& id) { return containers_dir() + "/" + id; };
    // 1: the runtime directory alone; 2: and its place in the tree; 3: and cgroups.
    for (const char* id : {"step1", "step2", "step3"})
        std::filesystem::create_directory(runtime(id));
    std::ofstream(runtime("step2") + "/nest") << encode_nest({"pod", ""});
    std::ofstream(runtime("step3") + "/nest") << encode_nest({"pod", "pod/step3"});
    ASSERT_TRUE(groups.create("pod/step3", {.cpus = 1, .mem_mb = 64, .pids_max = 9}));
    const auto found = recover_by_id({"pod", "step1", "step2", "step3"});
    EXPECT_TRUE(found.at("pod").running);
    for (const char* id : {"step1", "step2", "step3"}) {
        EXPECT_FALSE(found.at(id).running) << id;
        EXPECT_FALSE(found.at(id).exited->status) << id;
    }
    EXPECT_EQ(groups.names("pod"), std::vector<std::string>{});
    containerizer_->destroy(pod.id);
    await_end("pod");
    forget_all({"pod", "step1", "step2", "step3"});
}

}  // namespace
}  // namespace tepui::containerizer
