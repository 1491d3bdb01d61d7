// Real containers in networks of a plugin that only says that it made one.

#include <gmock/gmock.h>
#include <signal.h>

#include "containerizer/containerizer_fixture.h"

namespace tepui::containerizer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class NetworkLaunch : public ContainerizerTest {
protected:
    void SetUp() override {
        ContainerizerTest::SetUp();
        options_.isolation.emplace_back("network/cni");
        options_.networks.plugin_dirs = {base_ + "/plugins"};
        options_.networks.config_dir = base_ + "/networks";
        std::filesystem::create_directories(base_ + "/plugins");
        std::filesystem::create_directories(base_ + "/networks");
        std::ofstream(base_ + "/networks/net.conf")
            << R"({"cniVersion":"1.0.0","name":"net","type":"pretend"})";
        const std::string plugin = base_ + "/plugins/pretend";
        std::ofstream(plugin)
            << "#!/bin/sh\ncat > /dev/null\necho \"$CNI_COMMAND\" >> " << base_
            << "/log\n[ \"$CNI_COMMAND\" = ADD ] || exit 0\n"
            << R"(echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.7/24"}]}')"
            << "\n";
        ::chmod(plugin.c_str(), 0755);
    }
    LaunchSpec in_network(const std::string& id, const std::string& command) const {
        LaunchSpec what = spec(id, command);
        what.info.emplace().set_type(mesos::v1::ContainerInfo::MESOS);
        what.info->set_hostname("web-1");
        what.info->add_network_infos()->set_name("net");
        return what;
    }
    std::string log() const { return read(base_ + "/log"); }
};

TEST_F(NetworkLaunch, ATaskIsInItsNetworkAndToldOf) {
    Task task = launch(in_network("t",
                                  "hostname; cat /etc/hosts /etc/hostname; "
                                  "echo at $MESOS_CONTAINER_IP; cat /proc/net/dev"));
    const auto started = task.await_started();
    ASSERT_TRUE(started) << started.error().error.text;
    ASSERT_EQ(started->status.network_infos_size(), 1);
    EXPECT_EQ(started->status.network_infos(0).ip_addresses(0).ip_address(), "10.9.0.7");
    EXPECT_EQ(task.await_exited().status, 0);
    const std::string text = out(task);
    EXPECT_TRUE(text.starts_with("web-1\n")) << text;
    EXPECT_THAT(text, HasSubstr("10.9.0.7 web-1\n"));
    EXPECT_THAT(text, HasSubstr("at 10.9.0.7\n"));
    EXPECT_THAT(text, HasSubstr(" lo:"));
    EXPECT_THAT(text, Not(HasSubstr("eth0:"))) << "those are the host's";
    EXPECT_EQ(log(), "ADD\nDEL\n");
    EXPECT_THAT(read("/proc/self/mountinfo"), Not(HasSubstr(containers_dir())));
    containerizer_->forget(task.id);
}

TEST_F(NetworkLaunch, ALaterAgentKnowsTheAddressAndTakesItBack) {
    Task task = launch(in_network("t", "exec sleep 1000"));
    ASSERT_TRUE(task.await_started());
    Task orphan = launch(in_network("orphan", "exec sleep 1000"));
    ASSERT_TRUE(orphan.await_started());
    restart();
    auto ended = std::make_shared<std::promise<Exited>>();
    const auto found = containerizer_->recover(
        {task.id}, [ended](const ContainerId&, Exited end) { ended->set_value(end); });
    ASSERT_TRUE(found) << found.error().text;
    ASSERT_EQ(found->size(), 1U);
    ASSERT_EQ(found->front().status.network_infos_size(), 1);
    EXPECT_EQ(found->front().status.network_infos(0).ip_addresses(0).ip_address(), "10.9.0.7");
    EXPECT_EQ(log(), "ADD\nADD\nDEL\n") << "of the one that nobody asks for";
    containerizer_->destroy(task.id);
    ASSERT_EQ(ended->get_future().wait_for(k_deadline), std::future_status::ready);
    EXPECT_EQ(log(), "ADD\nADD\nDEL\nDEL\n");
    containerizer_->forget(task.id);
    reap_former_shims();
}

TEST_F(NetworkLaunch, WithoutTheIsolatorItIsRefused) {
    options_.isolation.pop_back();
    Task task = launch(in_network("t", "true"));
    const auto started = task.await_started();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().error.text, HasSubstr("network/cni"));
}

}  // namespace
}  // namespace tepui::containerizer
