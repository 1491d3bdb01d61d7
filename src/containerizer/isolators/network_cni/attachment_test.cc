#include "containerizer/isolators/network_cni/attachment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerizer/isolators/network_cni/cni_result.h"

namespace tepui::containerizer::cni {
namespace {

namespace v1 = mesos::v1;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

NetworkConfig chain() {
    return *parse_network(
        R"({"cniVersion":"1.0.0","name":"net","plugins":[{"type":"bridge","args":{"cni":{"x":1}}},)"
        R"({"type":"portmap","capabilities":{"portMappings":true}},)"
        R"({"type":"bandwidth","capabilities":{"bandwidth":true}}]})");
}

v1::NetworkInfo info() {
    v1::NetworkInfo info;
    info.set_name("net");
    return info;
}

void map_port(v1::NetworkInfo& info, std::uint32_t host, std::uint32_t container,
              const char* protocol = nullptr) {
    auto& mapping = *info.add_port_mappings();
    mapping.set_host_port(host);
    mapping.set_container_port(container);
    if (protocol != nullptr) mapping.set_protocol(protocol);
}

void label(v1::NetworkInfo& info, const char* key, const char* value) {
    auto& label = *info.mutable_labels()->add_labels();
    label.set_key(key);
    label.set_value(value);
}

Resources ports(std::uint64_t first, std::uint64_t last) {
    Resources resources;
    v1::Resource& resource = *resources.Add();
    resource.set_name("ports");
    auto& range = *resource.mutable_ranges()->add_range();
    range.set_begin(first);
    range.set_end(last);
    return resources;
}

TEST(Attachment, EachPluginIsToldWhatItCanDo) {
    v1::NetworkInfo asked = info();
    map_port(asked, 31000, 80, "TCP");
    label(asked, "bandwidth_ingress", "10M");
    label(asked, "team", "web");
    const auto attachment = plan_attachment(chain(), asked, 1, nullptr);
    ASSERT_TRUE(attachment) << attachment.error().text;
    EXPECT_EQ(attachment->interface, "eth1");
    ASSERT_THAT(attachment->plugins, SizeIs(3));
    const std::string& bridge = attachment->plugins[0].config;
    EXPECT_THAT(bridge, HasSubstr(R"("cniVersion":"1.0.0")"));
    EXPECT_THAT(bridge, HasSubstr(R"("name":"net")"));
    EXPECT_THAT(bridge, HasSubstr(R"("cni":{"x":1})"));
    EXPECT_THAT(bridge, HasSubstr(R"("org.apache.mesos":{"network_info":{)"));
    EXPECT_THAT(bridge, HasSubstr(R"({"key":"team","value":"web"})"));
    EXPECT_THAT(bridge, Not(HasSubstr("runtimeConfig")));
    EXPECT_THAT(
        attachment->plugins[1].config,
        HasSubstr(
            R"("runtimeConfig":{"portMappings":[{"hostPort":31000,"containerPort":80,"protocol":"tcp"}]})"));
    EXPECT_THAT(
        attachment->plugins[2].config,
        HasSubstr(
            R"("runtimeConfig":{"bandwidth":{"ingressRate":10000000,"ingressBurst":1000000}})"));
}

TEST(Attachment, WhatNobodyDoesIsRefused) {
    const NetworkConfig plain = *parse_network(R"({"name":"net","type":"ptp"})");
    v1::NetworkInfo mapped = info();
    map_port(mapped, 31000, 80);
    EXPECT_THAT(plan_attachment(plain, mapped, 0, nullptr).error().text, HasSubstr("portmap"));
    v1::NetworkInfo limited = info();
    label(limited, "bandwidth_egress", "1G");
    EXPECT_THAT(plan_attachment(plain, limited, 0, nullptr).error().text, HasSubstr("bandwidth"));
    label(limited, "bandwidth_ingress", "fast");
    EXPECT_THAT(bandwidth_of(limited).error().text, HasSubstr("'fast'"));
}

TEST(Attachment, AnAddressOfOnesOwnIsAskedForInEitherWay) {
    v1::NetworkInfo asked = info();
    asked.add_ip_addresses()->set_ip_address("10.0.0.9");
    EXPECT_EQ(plan_attachment(chain(), asked, 0, nullptr)->arguments,
              "IgnoreUnknown=1;IP=10.0.0.9");
    const NetworkConfig knows =
        *parse_network(R"({"name":"net","type":"static","capabilities":{"ips":true,"dns":true}})");
    const DnsOptions dns{.nameservers = {"10.0.0.53"}, .domain = {}, .search = {}, .options = {}};
    const auto attachment = plan_attachment(knows, asked, 0, &dns);
    EXPECT_EQ(attachment->arguments, "IgnoreUnknown=1");
    EXPECT_THAT(attachment->plugins[0].config, HasSubstr(R"("ips":["10.0.0.9"])"));
    EXPECT_THAT(attachment->plugins[0].config, HasSubstr(R"("servers":["10.0.0.53"])"));
    asked.mutable_ip_addresses(0)->set_ip_address("10.0.0.9;K8S=1");
    EXPECT_FALSE(plan_attachment(chain(), asked, 0, nullptr));
}

TEST(Attachment, PortsMustBeGiven) {
    const struct {
        std::uint32_t host;
        std::uint32_t container;
        const char* protocol;
        const char* says;
    } rows[] = {{31000, 80, "tcp", ""},
                {31000, 80, "sctp", ""},
                {31005, 80, "tcp", "not among the 'ports'"},
                {31000, 0, "tcp", "no pair"},
                {0, 80, "tcp", "no pair"},
                {31000, 80, "icmp", "'icmp'"}};
    for (const auto& row : rows) {
        v1::ContainerInfo container;
        *container.add_network_infos() = info();
        map_port(*container.mutable_network_infos(0), row.host, row.container, row.protocol);
        const auto checked = check_ports(container, ports(31000, 31001));
        const std::string text = checked ? "" : checked.error().text;
        if (std::string(row.says).empty())
            EXPECT_EQ(text, "");
        else if (std::string(row.says) == "no pair")
            EXPECT_THAT(text, HasSubstr("is not a pair of ports"));
        else
            EXPECT_THAT(text, HasSubstr(row.says));
    }
    v1::ContainerInfo twice;
    *twice.add_network_infos() = info();
    map_port(*twice.mutable_network_infos(0), 31000, 80);
    map_port(*twice.mutable_network_infos(0), 31000, 81);
    EXPECT_THAT(check_ports(twice, ports(31000, 31001)).error().text, HasSubstr("twice"));
    twice.mutable_network_infos(0)->mutable_port_mappings(1)->set_protocol("udp");
    EXPECT_TRUE(check_ports(twice, ports(31000, 31001)));
}

TEST(Attachment, IsReadBackAsItWasWritten) {
    v1::NetworkInfo asked = info();
    map_port(asked, 31000, 80);
    ContainerNetworks networks{"c1", "web-1", {*plan_attachment(chain(), asked, 0, nullptr)}};
    networks.attachments[0].begun = true;
    networks.attachments[0].result = R"({"cniVersion":"1.0.0","ips":[]})";
    const auto read = decode(encode(networks));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->container, "c1");
    EXPECT_EQ(read->hostname, "web-1");
    ASSERT_THAT(read->attachments, SizeIs(1));
    EXPECT_EQ(read->attachments[0].plugins, networks.attachments[0].plugins);
    EXPECT_EQ(read->attachments[0].result, networks.attachments[0].result);
    EXPECT_EQ(read->attachments[0].info.SerializeAsString(), asked.SerializeAsString());
    EXPECT_TRUE(read->attachments[0].begun);
    EXPECT_FALSE(decode("garbage"));
    EXPECT_FALSE(decode(R"({"networks":[{"info":{}}]})"));
}

TEST(Attachment, ThePreviousResultIsHandedOn) {
    const PluginPlan plugin{"portmap", R"({"type":"portmap"})"};
    EXPECT_EQ(*plugin_input(plugin, ""), R"({"type":"portmap"})");
    EXPECT_EQ(*plugin_input(plugin, R"({"ips":[]})"),
              R"({"type":"portmap","prevResult":{"ips":[]}})");
}

TEST(CniResult, AddressesOfTheContainerAlone) {
    const auto result = parse_result(
        R"({"cniVersion":"1.0.0","interfaces":[{"name":"br0"},{"name":"veth1"},)"
        R"({"name":"eth0","sandbox":"/run/ns"}],"ips":[{"address":"10.1.0.1/24","interface":0},)"
        R"({"address":"10.1.0.5/24","interface":2},{"address":"fd00::5/64","interface":2}],)"
        R"("dns":{"nameservers":["10.1.0.1"],"search":["here"]}})");
    ASSERT_TRUE(result) << result.error().text;
    ASSERT_THAT(result->addresses, SizeIs(2));
    const v1::NetworkInfo told = told_network(info(), *result);
    EXPECT_EQ(told.name(), "net");
    EXPECT_EQ(told.ip_addresses(0).ip_address(), "10.1.0.5");
    EXPECT_EQ(told.ip_addresses(0).protocol(), v1::NetworkInfo::IPv4);
    EXPECT_EQ(told.ip_addresses(1).protocol(), v1::NetworkInfo::IPv6);
    EXPECT_EQ(result->dns.search, std::vector<std::string>{"here"});
}

TEST(CniResult, OldOnesAreRead) {
    const auto result = parse_result(R"({"ip4":{"ip":"10.1.0.5/24"},"ip6":{"ip":"fd00::5/64"}})");
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_THAT(result->addresses, SizeIs(2));
}

TEST(CniResult, GarbageIsRefused) {
    for (const char* text :
         {"", "hello", "[]", R"({"ips":{}})", R"({"ips":[{"address":"10.1.0.5"}]})",
          R"({"ips":[{"address":"10.1.0.500/24"}]})", R"({"ips":[{"address":"10.1.0.5/33"}]})",
          R"({"ips":[{}]})", R"({"ips":[{"address":"10.1.0.5/24","interface":3}]})",
          R"({"ip4":{"ip":"x"}})"})
        EXPECT_FALSE(parse_result(text)) << text;
}

TEST(CniResult, ErrorsSayWhatThePluginSaid) {
    EXPECT_EQ(plugin_error(R"({"code":7,"msg":"no bridge","details":"br0"})", ""),
              "no bridge: br0");
    EXPECT_EQ(plugin_error("", "panic: x\n"), "panic: x");
    EXPECT_EQ(plugin_error("oops", "trace"), "oops; trace");
    EXPECT_EQ(plugin_error("", ""), "it said nothing");
}

}  // namespace
}  // namespace tepui::containerizer::cni
