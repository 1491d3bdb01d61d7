#include "containerizer/isolators/network_cni/network_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerizer/isolators/network_cni/network_namespace.h"

namespace tepui::containerizer::cni {
namespace {

using ::testing::HasSubstr;

TEST(NetworkFiles, ResolvConfHasAllThatWasSaid) {
    EXPECT_EQ(resolv_conf({.nameservers = {"10.0.0.53", "fd00::53"},
                           .domain = "a.example",
                           .search = {"a.example", "example"},
                           .options = {"ndots:2"}}),
              "domain a.example\nsearch a.example example\noptions ndots:2\n"
              "nameserver 10.0.0.53\nnameserver fd00::53\n");
}

TEST(NetworkFiles, NameserversOfTheHostAloneAreLeftOut) {
    EXPECT_EQ(without_loopback("# x\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch b\n"),
              "# x\nnameserver 10.0.0.1\nsearch b\n");
    EXPECT_EQ(without_loopback("nameserver ::1\n"), "");
}

TEST(NetworkFiles, HostsHasTheContainersName) {
    const std::string text = hosts_file("web", {"10.1.0.5", "fd00::5"});
    EXPECT_THAT(text, HasSubstr("127.0.0.1 localhost\n"));
    EXPECT_THAT(text, HasSubstr("10.1.0.5 web\nfd00::5 web\n"));
    EXPECT_THAT(hosts_file("web", {}), HasSubstr("127.0.0.1 web\n"));
}

TEST(NetworkFiles, HostnameIsAskedForOrMadeOfTheId) {
    EXPECT_EQ(*choose_hostname("web-1.example", "c"), "web-1.example");
    EXPECT_EQ(*choose_hostname("", "8f-a1"), "8f-a1");
    EXPECT_EQ(*choose_hostname("", "a/b\nc"), "a-b-c");
    EXPECT_EQ(choose_hostname("", std::string(100, 'a'))->size(), 64U);
    for (const char* bad : {"a b", "a\nb", "-a", "a/b"}) EXPECT_FALSE(choose_hostname(bad, "c"));
    EXPECT_FALSE(choose_hostname(std::string(65, 'a'), "c"));
}

TEST(DefaultDns, IsFoundByNetwork) {
    const auto dns = parse_default_dns(
        R"({"mesos":[{"network_mode":"CNI","dns":{"nameservers":["10.0.0.1"]}},)"
        R"({"network_mode":"CNI","network_name":"a","dns":{"nameservers":["10.0.0.2"],)"
        R"("domain":"d","search":["s"],"options":["o"]}}]})");
    ASSERT_TRUE(dns) << dns.error().text;
    EXPECT_EQ(find_dns(dns->mesos, "a")->nameservers, std::vector<std::string>{"10.0.0.2"});
    EXPECT_EQ(find_dns(dns->mesos, "a")->domain, "d");
    EXPECT_EQ(find_dns(dns->mesos, "b")->nameservers, std::vector<std::string>{"10.0.0.1"});
    EXPECT_EQ(find_dns(std::vector<NetworkDns>(), "b"), nullptr);
}

TEST(DefaultDns, OfDockerIsFoundByTypeAndNetwork) {
    const auto dns = parse_default_dns(
        R"({"docker":[{"network_mode":"BRIDGE","dns":{"nameservers":["10.0.0.1"]}},)"
        R"({"network_mode":"USER","network_name":"a","dns":{"nameservers":["10.0.0.2"]}}]})");
    ASSERT_TRUE(dns) << dns.error().text;
    EXPECT_EQ(find_dns(dns->docker, "bridge", "")->nameservers,
              std::vector<std::string>{"10.0.0.1"});
    EXPECT_EQ(find_dns(dns->docker, "user", "a")->nameservers,
              std::vector<std::string>{"10.0.0.2"});
    EXPECT_EQ(find_dns(dns->docker, "user", "b"), nullptr);
    EXPECT_EQ(find_dns(dns->docker, "host", ""), nullptr);
}

TEST(DefaultDns, WhatIsWrongIsNamed) {
    const struct {
        const char* text;
        const char* says;
    } rows[] = {
        {"x", "no JSON"},
        {"{}", "no \"mesos\""},
        {R"({"mesos":{}})", "no list"},
        {R"({"docker":[{"network_mode":"CNI","dns":{}}]})", "BRIDGE, HOST or USER"},
        {R"({"docker":[{"network_mode":"HOST","dns":{}},{"network_mode":"HOST","dns":{}}]})",
         "same network"},
        {R"({"mesos":[{"network_mode":"HOST","dns":{}}]})", "CNI"},
        {R"({"mesos":[{"network_mode":"CNI"}]})", "no 'dns'"},
        {R"({"mesos":[{"network_mode":"CNI","dns":{"nameservers":["ns"]}}]})", "'ns'"},
        {R"({"mesos":[{"network_mode":"CNI","dns":{"search":["a\nb"]}}]})", "'search'"},
        {R"({"mesos":[{"network_mode":"CNI","dns":{}},{"network_mode":"CNI","dns":{}}]})",
         "same network"},
    };
    for (const auto& row : rows) {
        const auto dns = parse_default_dns(row.text);
        ASSERT_FALSE(dns) << row.text;
        EXPECT_THAT(dns.error().text, HasSubstr(row.says));
    }
}

TEST(Traffic, IsSummedUpButForTheLoopback) {
    const Traffic traffic = parse_traffic(
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes ...\n"
        "    lo:     999      9    9    9    0     0          0         0      999       9 9 9 0 0 "
        "0 0\n"
        "  eth0:     100      2    3    4    0     0          0         0      200       5    6    "
        "7 0 "
        "0 0 0\n"
        "  eth1:       1      1    1    1    0     0          0         0        1       1    1    "
        "1 0 "
        "0 0 0\n");
    EXPECT_EQ(traffic, (Traffic{.rx_bytes = 101,
                                .rx_packets = 3,
                                .rx_errors = 4,
                                .rx_dropped = 5,
                                .tx_bytes = 201,
                                .tx_packets = 6,
                                .tx_errors = 7,
                                .tx_dropped = 8}));
}

}  // namespace
}  // namespace tepui::containerizer::cni
