// With the bridge, host-local, portmap and bandwidth of this machine.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>

#include "containerizer/isolators/network_cni/network_cni_testing.h"
#include "containerizer/isolators/network_cni/network_config.h"
#include "containerizer/isolators/network_cni/network_namespace.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int k_connect_ms_max = 5'000;

sockaddr_in endpoint(const std::string& ip, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
    return address;
}

Descriptor listener(const std::string& ip, std::uint16_t port) {
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = endpoint(ip, port);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
        << errno_text();
    EXPECT_EQ(::listen(socket.get(), 4), 0);
    return socket;
}

std::uint16_t port_of(const Descriptor& socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

bool reaches(const std::string& ip, std::uint16_t port) {
    const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in address = endpoint(ip, port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return true;
    pollfd event{socket.get(), POLLOUT, 0};
    if (errno != EINPROGRESS || ::poll(&event, 1, k_connect_ms_max) != 1) return false;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0;
}

std::string output_of(const std::string& command) {
    std::string text;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
    char buffer[4096];
    for (std::size_t got; (got = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        text.append(buffer, got);
    ::pclose(pipe);
    return text;
}

class RealPlugins : public NetworkCniTest {
protected:
    void SetUp() override {
        NetworkCniTest::SetUp();
        for (const char* plugin : {"bridge", "host-local", "portmap", "bandwidth"})
            ASSERT_EQ(::access(fmt::format("/usr/lib/cni/{}", plugin).c_str(), X_OK), 0)
                << "install containernetworking-plugins";
        ASSERT_THAT(output_of("iptables -t nat -S"), HasSubstr("PREROUTING"))
            << "port mappings need an iptables that works on this kernel";
        bridge_ = fmt::format("tpt{}", ::getpid() % 1'000'000);
        subnet_ = fmt::format("10.199.{}", ::getpid() % 250);
        configure("net",
                  fmt::format(R"({{"type":"bridge","bridge":"{}","isGateway":true,"ipMasq":true,)"
                              R"("hairpinMode":true,"ipam":{{"type":"host-local","dataDir":"{}",)"
                              R"("subnet":"{}.0/24","routes":[{{"dst":"0.0.0.0/0"}}]}}}},)"
                              R"({{"type":"portmap","capabilities":{{"portMappings":true}}}},)"
                              R"({{"type":"bandwidth","capabilities":{{"bandwidth":true}}}})",
                              bridge_, base() + "/leases", subnet_));
    }
    void TearDown() override {
        if (!bridge_.empty()) (void)output_of("ip link del " + bridge_);
    }
    void launch(const std::string& name, const LaunchSpec& asked) {
        LaunchPlan plan = this->plan();
        const Result<void> prepared = isolator().prepare(isolated(name), asked, plan);
        ASSERT_TRUE(prepared) << prepared.error().text;
    }
    /// Port 80 of a container of that network.
    static LaunchSpec publishing(const std::string& name, const std::string& network,
                                 std::uint32_t port) {
        LaunchSpec asked = spec(name, {network});
        auto& mapping = *asked.info->mutable_network_infos(0)->add_port_mappings();
        mapping.set_host_port(port);
        mapping.set_container_port(80);
        auto& resource = *asked.resources.Add();
        resource.set_name("ports");
        auto& range = *resource.mutable_ranges()->add_range();
        range.set_begin(port);
        range.set_end(port);
        return asked;
    }
    std::string space(const std::string& name) const { return base() + "/" + name + "/net/ns"; }
    void end(const std::string& name) {
        const Result<void> cleaned = isolator().cleanup(isolated(name));
        EXPECT_TRUE(cleaned) << cleaned.error().text;
    }
    std::size_t ports_of_bridge() const {
        std::error_code error;
        const fs::directory_iterator it("/sys/class/net/" + bridge_ + "/brif", error);
        return error ? 0 : static_cast<std::size_t>(std::distance(it, fs::directory_iterator()));
    }
    void expect_nothing_left() {
        EXPECT_EQ(ports_of_bridge(), 0U);
        EXPECT_THAT(output_of("iptables -t nat -S"), Not(HasSubstr(subnet_ + ".")));
        EXPECT_THAT(read("/proc/self/mountinfo"), Not(HasSubstr(base())));
        for (const auto& entry : fs::recursive_directory_iterator(base() + "/leases"))
            EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(subnet_)));
    }

    std::string bridge_;
    std::string subnet_;
};

TEST_F(RealPlugins, ContainersReachEachOtherAndNotTheHostsLoopback) {
    launch("a", spec("a", {"net"}));
    launch("b", spec("b", {"net"}));
    ASSERT_THAT(addresses("a"), SizeIs(1));
    const std::string address = addresses("a")[0];
    EXPECT_THAT(address, HasSubstr(subnet_ + "."));
    Descriptor server;
    inside(space("a"), [&] { server = listener("0.0.0.0", 80); });
    const Descriptor hosts = listener("127.0.0.1", 0);
    inside(space("b"), [&] {
        EXPECT_TRUE(reaches(address, 80));
        EXPECT_FALSE(reaches("127.0.0.1", port_of(hosts))) << "that is the host's";
        EXPECT_FALSE(reaches(subnet_ + ".1", port_of(hosts))) << "by its gateway too";
        const Descriptor own = listener("127.0.0.1", 0);
        EXPECT_TRUE(reaches("127.0.0.1", port_of(own))) << "its own loopback is up";
    });
    EXPECT_TRUE(reaches(address, 80)) << "the host reaches containers";
    end("a");
    end("b");
    expect_nothing_left();
}

TEST_F(RealPlugins, APublishedPortLeadsToTheContainer) {
    launch("a", publishing("a", "net", 31999));
    EXPECT_FALSE(reaches(subnet_ + ".1", 31999)) << "nobody listens yet";
    Descriptor server;
    inside(space("a"), [&] { server = listener("0.0.0.0", 80); });
    EXPECT_TRUE(reaches("127.0.0.1", 31999));
    EXPECT_TRUE(reaches(subnet_ + ".1", 31999));
    mesos::v1::ContainerStatus status;
    isolator().status(isolated("a"), status);
    EXPECT_EQ(status.network_infos(0).port_mappings(0).host_port(), 31999U);
    end("a");
    EXPECT_FALSE(reaches("127.0.0.1", 31999));
    expect_nothing_left();
}

TEST_F(RealPlugins, APortMapperOfMesosDoesItsWork) {
    write(options_.networks.config_dir + "/mapped.conf",
          fmt::format(R"({{"name":"mapped","type":"mesos-cni-port-mapper","chain":"MESOS-MAPPED",)"
                      R"("excludeDevices":["{0}"],"delegate":{{"type":"bridge","bridge":"{0}",)"
                      R"("isGateway":true,"ipMasq":true,"ipam":{{"type":"host-local",)"
                      R"("dataDir":"{1}","subnet":"{2}.0/24"}}}}}})",
                      bridge_, base() + "/leases", subnet_));
    launch("a", publishing("a", "mapped", 31997));
    Descriptor server;
    inside(space("a"), [&] { server = listener("0.0.0.0", 80); });
    EXPECT_TRUE(reaches("127.0.0.1", 31997));
    EXPECT_THAT(output_of("iptables -t nat -S"), HasSubstr("! -i " + bridge_));
    end("a");
    expect_nothing_left();
}

TEST_F(RealPlugins, TheBridgeThatNobodyConfigured) {
    options_.networks.bridge_subnet = "10.198.11.0/24";
    launch("a", publishing("a", "bridge", 31998));
    ASSERT_THAT(addresses("a"), SizeIs(1));
    EXPECT_THAT(addresses("a")[0], HasSubstr("10.198.11."));
    Descriptor server;
    inside(space("a"), [&] { server = listener("0.0.0.0", 80); });
    EXPECT_TRUE(reaches("127.0.0.1", 31998));
    EXPECT_TRUE(reaches(addresses("a")[0], 80));
    end("a");
    EXPECT_THAT(output_of("iptables-save"), Not(HasSubstr("10.198.11.")));
    (void)output_of("ip link del " + cni::bridge_device("10.198.11.0/24"));
}

TEST_F(RealPlugins, BandwidthIsLimitedByLabels) {
    auto asked = spec("a", {"net"});
    auto& label = *asked.info->mutable_network_infos(0)->mutable_labels()->add_labels();
    label.set_key("bandwidth_ingress");
    label.set_value("8M");
    launch("a", asked);
    EXPECT_THAT(output_of("tc qdisc show"), HasSubstr("rate 8Mbit"));
    end("a");
    EXPECT_THAT(output_of("tc qdisc show"), Not(HasSubstr("rate 8Mbit")));
    expect_nothing_left();
}

TEST_F(RealPlugins, AnAgentThatComesBackTakesEverythingAway) {
    launch("a", spec("a", {"net"}));
    EXPECT_EQ(ports_of_bridge(), 1U);
    isolator_.reset();  // As a dead agent: it took nothing back.
    end("a");
    expect_nothing_left();
}

TEST_F(RealPlugins, AfterARebootAddressesAndRulesAreTakenBack) {
    options_.networks.persist = true;
    // Without masquerading: its rules go with the kernel, and the plugin finds them only by the
    // namespace.
    configure("plain", fmt::format(R"({{"type":"bridge","bridge":"{}","isGateway":true,)"
                                   R"("ipam":{{"type":"host-local","dataDir":"{}",)"
                                   R"("subnet":"{}.0/24"}}}},)"
                                   R"({{"type":"portmap","capabilities":{{"portMappings":true}}}})",
                                   bridge_, base() + "/leases", subnet_));
    launch("a", publishing("a", "plain", 31996));
    EXPECT_THAT(output_of("iptables -t nat -S"), HasSubstr(subnet_ + "."));
    isolator_.reset();
    ASSERT_TRUE(cni::remove_network_namespace(space("a")));
    fs::remove_all(base() + "/a");  // As on a file system in memory.
    isolator().sweep({});
    expect_nothing_left();
    EXPECT_TRUE(fs::is_empty(options_.work_dir + "/networks"));
}

TEST_F(RealPlugins, TwentyUpAndDownLeaveNothing) {
    for (int i = 0; i < 20; ++i) {
        const std::string name = fmt::format("c{}", i);
        launch(name, spec(name, {"net"}));
        end(name);
    }
    expect_nothing_left();
}

}  // namespace
}  // namespace tepui::containerizer
