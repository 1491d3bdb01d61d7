#include "containerizer/isolators/network_cni/network_cni.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "containerizer/isolators/network_cni/network_cni_testing.h"
#include "containerizer/isolators/network_cni/network_namespace.h"
#include "containerizer/isolators/network_cni/plugins.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Notes how it was called, and answers with an address.
constexpr const char* k_good = R"(
read -r CONFIG
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_ARGS $CONFIG" >> $LOG
[ "$CNI_COMMAND" = ADD ] || exit 0
echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"x"}],"ips":[{"address":"10.9.0.7/24","interface":0}],"dns":{"nameservers":["10.9.0.1"]}}'
)";

using Scripted = NetworkCniTest;

TEST_F(Scripted, AContainerIsAttachedAndDetached) {
    script("pretend", k_good);
    configure("net", R"({"type":"pretend"})");
    auto asked = spec("c1", {"net"});
    asked.info->set_hostname("web");
    LaunchPlan plan = this->plan();
    const Result<void> prepared = isolator().prepare(isolated("c1"), asked, plan);
    ASSERT_TRUE(prepared) << prepared.error().text;
    EXPECT_EQ(plan.network_namespace, base() + "/c1/net/ns");
    EXPECT_EQ(plan.hostname, "web");
    EXPECT_THAT(plan.environment,
                ElementsAre("A=b", "MESOS_CONTAINER_IP=10.9.0.7", "LIBPROCESS_IP=0.0.0.0"));
    EXPECT_THAT(log(), HasSubstr("ADD c1 eth0 IgnoreUnknown=1"));
    EXPECT_THAT(addresses("c1"), ElementsAre("10.9.0.7"));
    EXPECT_EQ(read(base() + "/c1/net/resolv.conf"), "nameserver 10.9.0.1\n");
    EXPECT_EQ(read(base() + "/c1/net/hostname"), "web\n");
    EXPECT_THAT(read(base() + "/c1/net/hosts"), HasSubstr("10.9.0.7 web\n"));
    EXPECT_TRUE(std::ranges::any_of(plan.mounts, [&](const MountPlan& mount) {
        return mount.target == "/etc/hosts" && mount.source == base() + "/c1/net/hosts";
    }));
    const Result<void> cleaned = isolator().cleanup(isolated("c1"));
    EXPECT_TRUE(cleaned) << cleaned.error().text;
    EXPECT_THAT(log(), HasSubstr("DEL c1 eth0"));
    EXPECT_FALSE(fs::exists(base() + "/c1/net"));
    EXPECT_TRUE(isolator().cleanup(isolated("c1"))) << "what is gone is no matter";
}

TEST_F(Scripted, SeveralNetworksEachHaveAnInterface) {
    script("pretend", k_good);
    configure("a", R"({"type":"pretend"})");
    configure("b", R"({"type":"pretend"},{"type":"pretend","second":true})");
    LaunchPlan plan = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("c1"), spec("c1", {"a", "b"}), plan));
    EXPECT_THAT(log(), HasSubstr("ADD c1 eth1"));
    EXPECT_THAT(log(), HasSubstr(R"("second":true)"));
    EXPECT_THAT(log(), HasSubstr(R"("prevResult":{)"));
    ASSERT_TRUE(isolator().cleanup(isolated("c1")));
    const std::string text = log();
    EXPECT_LT(text.rfind("DEL c1 eth1"), text.rfind("DEL c1 eth0")) << "the last one first";
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
}

TEST_F(Scripted, WhatAFailedPluginLeftIsTakenBack) {
    script("pretend", k_good);
    script("broken",
           "cat > /dev/null\necho \"$CNI_COMMAND broken\" >> $LOG\n"
           "echo 'no such device' >&2\necho '{\"code\":11,\"msg\":\"try later\"}'\nexit 1\n");
    configure("net", R"({"type":"pretend"},{"type":"broken"})");
    LaunchPlan plan = this->plan();
    const Result<void> prepared = isolator().prepare(isolated("c1"), spec("c1", {"net"}), plan);
    ASSERT_FALSE(prepared);
    EXPECT_THAT(prepared.error().text, HasSubstr("network 'net', CNI plugin broken: try later"));
    EXPECT_THAT(prepared.error().text, HasSubstr("no such device"));
    EXPECT_FALSE(isolator().cleanup(isolated("c1"))) << "the broken one does not detach either";
    EXPECT_THAT(log(), HasSubstr("DEL broken\nDEL c1 eth0"));
    EXPECT_FALSE(fs::exists(base() + "/c1/net"));

    // A later agent tries again, when the plugin works.
    script("broken", "cat > /dev/null\necho \"$CNI_COMMAND mended\" >> $LOG\n");
    EXPECT_TRUE(cni::is_kept(options_.work_dir + "/networks/c1.ns"));
    isolator().sweep({isolated("c1")});
    EXPECT_THAT(log(), Not(HasSubstr("mended"))) << "c1 is said to live";
    isolator().sweep({});
    EXPECT_THAT(log(), HasSubstr("DEL mended"));
    EXPECT_TRUE(fs::is_empty(options_.work_dir + "/networks"));
    const auto lines = log();
    isolator().sweep({});
    EXPECT_EQ(log(), lines) << "it is done";
}

TEST_F(Scripted, GarbageOfAPluginIsToldWithItsWords) {
    script("babble", "echo 'I am fine'\n");
    configure("net", R"({"type":"babble"})");
    LaunchPlan plan = this->plan();
    const Result<void> prepared = isolator().prepare(isolated("c1"), spec("c1", {"net"}), plan);
    ASSERT_FALSE(prepared);
    EXPECT_THAT(prepared.error().text, HasSubstr("I am fine"));
    EXPECT_TRUE(isolator().cleanup(isolated("c1")));
}

TEST_F(Scripted, ACancelledLaunchEndsWhenItsPluginIsDone) {
    script("pretend", k_good);
    ASSERT_EQ(::mkfifo((base() + "/go").c_str(), 0600), 0);
    script("slow", "[ \"$CNI_COMMAND\" = DEL ] || read -r word < " + base() + "/go\n" + k_good);
    configure("net", R"({"type":"slow"},{"type":"pretend","second":true})");
    std::atomic<bool> cancelled = false;
    Isolated container = isolated("c1");
    container.cancelled = &cancelled;
    auto prepared = std::async(std::launch::async, [&] {
        LaunchPlan plan = this->plan();
        return isolator().prepare(container, spec("c1", {"net"}), plan);
    });
    std::ofstream go(base() + "/go");  // Waits for the plugin.
    cancelled = true;
    go << "go" << std::endl;
    const Result<void> result = prepared.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::cancelled);
    EXPECT_THAT(log(), HasSubstr("ADD c1"));
    EXPECT_THAT(log(), Not(HasSubstr("second"))) << "the next one is not begun";
    EXPECT_TRUE(isolator().cleanup(container));
    EXPECT_THAT(log(), HasSubstr(R"("prevResult":{)")) << "what the first one said";
}

TEST_F(Scripted, OneThatHangsInACancelledLaunchIsKilled) {
    ASSERT_EQ(::mkfifo((base() + "/begun").c_str(), 0600), 0);
    script("slow", "echo begun > " + base() + "/begun\nexec sleep 300\n");
    const cni::Plugins plugins({base() + "/plugins"}, 60s, 50ms);
    cni::Attachment attachment;
    attachment.plugins.push_back({"slow", "{}"});
    std::atomic<bool> cancelled = false;
    auto attached = std::async(std::launch::async, [&] {
        return plugins.attach(attachment, "c1", base() + "/ns", -1, &cancelled);
    });
    EXPECT_EQ(read(base() + "/begun"), "begun\n");
    EXPECT_EQ(attached.wait_for(200ms), std::future_status::timeout);
    cancelled = true;
    EXPECT_EQ(attached.get().error().code, Errc::cancelled);
}

TEST_F(Scripted, APluginThatStumblesIsAskedAgain) {
    script("clumsy",
           "cat > /dev/null\necho \"$CNI_COMMAND\" >> $LOG\n"
           "[ \"$(grep -c DEL $LOG)\" != 1 ] || exit 1\necho '{\"cniVersion\":\"1.0.0\"}'\n");
    configure("net", R"({"type":"clumsy"})");
    LaunchPlan plan = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("c1"), spec("c1", {"net"}), plan));
    EXPECT_TRUE(isolator().cleanup(isolated("c1")));
    EXPECT_EQ(log(), "ADD\nDEL\nDEL\n");
    EXPECT_TRUE(!fs::exists(options_.work_dir + "/networks"));
}

TEST_F(Scripted, APluginThatIsStillAtWorkIsWaitedFor) {
    script("pretend", k_good);
    configure("net", R"({"type":"pretend"})");
    LaunchPlan plan = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("c1"), spec("c1", {"net"}), plan));
    int ready[2];
    int end[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(end), 0);
    const pid_t plugin = ::fork();  // Of an agent that was killed: it still holds the lock.
    if (plugin == 0) {
        ::close(end[1]);
        const int lock = ::open((base() + "/c1/net/lock").c_str(), O_RDWR);
        char byte = 0;
        if (::flock(lock, LOCK_EX) != 0 || ::write(ready[1], "r", 1) != 1) ::_exit(1);
        ::_exit(::read(end[0], &byte, 1) == 0 ? 0 : 2);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    auto cleaned =
        std::async(std::launch::async, [&] { return isolator().cleanup(isolated("c1")); });
    EXPECT_EQ(cleaned.wait_for(200ms), std::future_status::timeout);
    EXPECT_THAT(log(), Not(HasSubstr("DEL")));
    ::close(end[1]);
    EXPECT_TRUE(cleaned.get());
    EXPECT_THAT(log(), HasSubstr("DEL"));
    ::waitpid(plugin, nullptr, 0);
    for (const int fd : {ready[0], ready[1], end[0]}) ::close(fd);
}

TEST_F(Scripted, WhatIsAttachedIsKnownAfterAReboot) {
    options_.networks.persist = true;
    script("pretend", k_good);
    configure("net", R"({"type":"pretend"})");
    LaunchPlan plan = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("c1"), spec("c1", {"net"}), plan));
    EXPECT_TRUE(fs::exists(options_.work_dir + "/networks/c1"));
    ASSERT_TRUE(isolator().cleanup(isolated("c1")));
    EXPECT_FALSE(fs::exists(options_.work_dir + "/networks/c1"));
}

TEST_F(Scripted, ThoseNestedInAContainerShareItsNetwork) {
    script("pretend", k_good);
    configure("net", R"({"type":"pretend"})");
    auto pod = spec("pod", {"net"});
    pod.hold = true;
    LaunchPlan plan_of_pod = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("pod"), pod, plan_of_pod));
    EXPECT_EQ(plan_of_pod.network_namespace, "") << "nothing runs in it";
    for (const auto& [name, parent] : {std::pair{"task", "pod"}, std::pair{"debug", "task"}}) {
        auto nested = spec(name, {});
        nested.parent = ContainerId{parent};
        EXPECT_TRUE(isolator().concerns(nested));
        LaunchPlan plan = this->plan();
        const Result<void> prepared = isolator().prepare(isolated(name, parent), nested, plan);
        ASSERT_TRUE(prepared) << prepared.error().text;
        EXPECT_EQ(plan.network_namespace, base() + "/pod/net/ns");
        EXPECT_THAT(plan.environment, Contains("MESOS_CONTAINER_IP=10.9.0.7"));
        EXPECT_THAT(addresses(name), ElementsAre("10.9.0.7"));
    }
    EXPECT_TRUE(isolator().cleanup(isolated("task", "pod")));
    EXPECT_THAT(log(), Not(HasSubstr("DEL")));
    EXPECT_THAT(addresses("pod"), ElementsAre("10.9.0.7"));
    EXPECT_TRUE(isolator().cleanup(isolated("pod")));
    EXPECT_THAT(log(), HasSubstr("DEL pod"));
}

TEST_F(Scripted, ATaskOfAPodInTheHostsNetworkStaysThere) {
    script("pretend", k_good);
    isolated("pod");
    auto nested = spec("task", {});
    nested.parent = ContainerId{"pod"};
    LaunchPlan plan = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("task", "pod"), nested, plan));
    EXPECT_EQ(plan.network_namespace, "");
    EXPECT_THAT(plan.mounts, IsEmpty());
}

TEST_F(Scripted, ImpossibleWishesAreRefused) {
    script("pretend", k_good);
    configure("net", R"({"type":"pretend"})");
    configure("gone", R"({"type":"not-installed"})");
    const struct {
        std::vector<std::string> networks;
        const char* says;
    } rows[] = {{{"net", "net"}, "'net' twice"},
                {{"other"}, "there are: gone, net"},
                {{"gone"}, "no CNI plugin 'not-installed'"}};
    int count = 0;
    for (const auto& row : rows) {
        const std::string name = fmt::format("c{}", ++count);
        LaunchPlan plan = this->plan();
        const Result<void> prepared =
            isolator().prepare(isolated(name), spec(name, row.networks), plan);
        ASSERT_FALSE(prepared);
        EXPECT_THAT(prepared.error().text, HasSubstr(row.says));
        EXPECT_TRUE(isolator().cleanup(isolated(name))) << "nothing was begun";
    }
    auto mapped = spec("c9", {"net"});
    auto& mapping = *mapped.info->mutable_network_infos(0)->add_port_mappings();
    mapping.set_host_port(31000);
    mapping.set_container_port(80);
    LaunchPlan plan = this->plan();
    EXPECT_THAT(isolator().prepare(isolated("c9"), mapped, plan).error().text,
                HasSubstr("not among the 'ports'"));
}

TEST_F(Scripted, ANamespaceWhoseMountIsGoneIsKeptAgain) {
    script("pretend", k_good);
    configure("net", R"({"type":"pretend"})");
    LaunchPlan plan = this->plan();
    ASSERT_TRUE(isolator().prepare(isolated("c1"), spec("c1", {"net"}), plan));
    const std::string space = plan.network_namespace;
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t task = ::fork();
    if (task == 0) {
        const int there = ::open(space.c_str(), O_RDONLY);
        if (::setns(there, CLONE_NEWNET) != 0 || ::write(ready[1], "r", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_TRUE(cni::is_kept(space));
    ASSERT_EQ(::umount2(space.c_str(), MNT_DETACH), 0);
    EXPECT_FALSE(cni::is_kept(space));
    isolator().started(isolated("c1"), ::getpid());
    EXPECT_FALSE(cni::is_kept(space)) << "the agent's network is nobody else's";
    isolator().started(isolated("c1"), task);
    EXPECT_TRUE(cni::is_in_namespace(task, space));
    mesos::v1::ResourceStatistics statistics;
    isolator().usage(isolated("c1"), statistics);
    EXPECT_TRUE(statistics.has_net_rx_bytes());
    ::kill(task, SIGKILL);
    ::waitpid(task, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    EXPECT_TRUE(isolator().cleanup(isolated("c1")));
    EXPECT_FALSE(fs::exists(space));
}

TEST_F(Scripted, AMachineWithoutPluginsIsToldSo) {
    options_.networks.plugin_dirs = {base() + "/none"};
    const auto made = make_network_cni({options_, groups_, nullptr, nullptr});
    const Result<void> can = made->prepare_machine();
    ASSERT_FALSE(can);
    EXPECT_THAT(can.error().text, HasSubstr("containernetworking-plugins"));
    options_.networks.plugin_dirs = {};
}

TEST(Networks, NeedTheIsolator) {
    LaunchSpec spec;
    EXPECT_TRUE(check_networks(spec, {}));
    spec.info.emplace().set_type(mesos::v1::ContainerInfo::MESOS);
    spec.info->add_network_infos();
    EXPECT_TRUE(check_networks(spec, {})) << "without a name it is the host's";
    spec.info->mutable_network_infos(0)->set_name("bridge");
    EXPECT_TRUE(check_networks(spec, {"filesystem/linux", "network/cni"}));
    const Result<void> refused = check_networks(spec, {"filesystem/linux"});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text, HasSubstr("network/cni"));
}

}  // namespace
}  // namespace tepui::containerizer
