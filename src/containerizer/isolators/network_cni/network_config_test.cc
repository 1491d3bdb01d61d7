#include "containerizer/isolators/network_cni/network_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/temporary_directory_testing.h"

namespace tepui::containerizer::cni {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(NetworkConfig, OnePluginIsAChainOfOne) {
    const auto network =
        parse_network(R"({"cniVersion":"0.4.0","name":"a-net","type":"macvlan","master":"eth0",)"
                      R"("capabilities":{"mac":true,"ips":false}})");
    ASSERT_TRUE(network) << network.error().text;
    EXPECT_EQ(network->name, "a-net");
    EXPECT_EQ(network->version, "0.4.0");
    ASSERT_THAT(network->plugins, SizeIs(1));
    EXPECT_EQ(network->plugins[0].type, "macvlan");
    EXPECT_THAT(network->plugins[0].json, HasSubstr(R"("master":"eth0")"));
    EXPECT_TRUE(network->has_capability("mac"));
    EXPECT_FALSE(network->has_capability("ips"));
}

TEST(NetworkConfig, AListKeepsItsOrder) {
    const auto network = parse_network(
        R"({"name":"n","plugins":[{"type":"bridge"},{"type":"portmap","capabilities":)"
        R"({"portMappings":true}}]})");
    ASSERT_TRUE(network) << network.error().text;
    EXPECT_EQ(network->version, "0.1.0");
    ASSERT_THAT(network->plugins, SizeIs(2));
    EXPECT_EQ(network->plugins[1].type, "portmap");
    EXPECT_TRUE(network->has_capability("portMappings"));
}

TEST(NetworkConfig, MesosPortMapperBecomesBridgeAndPortmap) {
    const auto network = parse_network(
        R"({"name":"mapped","type":"mesos-cni-port-mapper","excludeDevices":["mesos0"],)"
        R"("chain":"MESOS-MAPPED","delegate":{"type":"bridge","bridge":"mesos0"}})");
    ASSERT_TRUE(network) << network.error().text;
    ASSERT_THAT(network->plugins, SizeIs(2));
    EXPECT_EQ(network->plugins[0].type, "bridge");
    EXPECT_THAT(network->plugins[0].json, HasSubstr(R"("bridge":"mesos0")"));
    EXPECT_EQ(network->plugins[1].type, "portmap");
    EXPECT_THAT(network->plugins[1].json, HasSubstr(R"("conditionsV4":["!","-i","mesos0"])"));
    EXPECT_TRUE(network->has_capability("portMappings"));
    EXPECT_EQ(network->version, "0.3.1") << "a chain needs results that are handed on";
}

TEST(NetworkConfig, WhatIsWrongIsNamed) {
    const struct {
        const char* text;
        const char* says;
    } rows[] = {
        {"[]", "no JSON object"},
        {"{", "no JSON object"},
        {R"({"type":"bridge"})", "'name'"},
        {R"({"name":"../up","type":"bridge"})", "'name'"},
        {R"({"name":"n"})", "'type'"},
        {R"({"name":"n","type":"../sh"})", "'type'"},
        {R"({"name":"n","type":"bridge","cniVersion":"9.0.0"})", "'cniVersion' is 9.0.0"},
        {R"({"name":"n","plugins":[]})", "'plugins'"},
        {R"({"name":"n","plugins":{}})", "'plugins'"},
        {R"({"name":"n","plugins":[1]})", "no object"},
        {R"({"name":"n","type":"mesos-cni-port-mapper"})", "'delegate'"},
        {R"({"name":"n","type":"mesos-cni-port-mapper","delegate":{"type":"bridge"},)"
         R"("excludeDevices":["a","b"]})",
         "more than one"},
    };
    for (const auto& row : rows) {
        const auto network = parse_network(row.text);
        ASSERT_FALSE(network) << row.text;
        EXPECT_THAT(network.error().text, HasSubstr(row.says)) << row.text;
    }
}

class Catalog : public ::testing::Test {
protected:
    void write(const std::string& name, const std::string& text) {
        std::ofstream(directory.path() + "/" + name) << text;
    }
    TemporaryDirectory directory;
};

TEST_F(Catalog, TakesWhatIsRightAndSaysWhatIsNot) {
    write("10-a.conf", R"({"name":"a","type":"bridge"})");
    write("20-a.json", R"({"name":"a","type":"ptp"})");
    write("30-b.conflist", R"({"name":"b","plugins":[{"type":"ptp"}]})");
    write("40-broken.conf", "{");
    write("50-other.txt", R"({"name":"c","type":"bridge"})");
    const NetworkCatalog catalog = read_catalog(directory.path());
    EXPECT_THAT(catalog.networks, SizeIs(2));
    EXPECT_EQ(catalog.find("a")->plugins[0].type, "bridge");
    EXPECT_THAT(catalog.problems, ElementsAre(HasSubstr("20-a.json"), HasSubstr("40-broken.conf")));
    const auto missing = catalog.find("c");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().text, HasSubstr("there are: a, b"));
    EXPECT_THAT(missing.error().text, HasSubstr("40-broken.conf"));
}

TEST_F(Catalog, AMissingFolderHasNone) {
    const auto missing = read_catalog(directory.path() + "/none").find("a");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().text, HasSubstr("cannot list"));
    EXPECT_THAT(read_catalog("").find("a").error().text, HasSubstr("there are: none"));
}

TEST(DefaultBridge, HasTheLinksThatAreNeeded) {
    const auto types = [](const BridgeNeeds& needs) {
        std::vector<std::string> types;
        for (const PluginConfig& plugin : default_bridge(needs).plugins) {
            types.push_back(plugin.type);
            EXPECT_TRUE(parse_network(R"({"name":"n","plugins":[)" + plugin.json + "]}"))
                << plugin.json;
        }
        return types;
    };
    EXPECT_THAT(types({.subnet = "10.1.0.0/16"}), ElementsAre("bridge"));
    EXPECT_THAT(
        types({.subnet = "10.1.0.0/16", .ports = true, .bandwidth = true, .firewall = true}),
        ElementsAre("bridge", "firewall", "portmap", "bandwidth"));
    EXPECT_THAT(default_bridge({.subnet = "10.1.0.0/16"}).plugins[0].json,
                HasSubstr(R"("subnet":"10.1.0.0/16")"));
}

TEST(DefaultBridge, HasAnInterfaceForEachSubnet) {
    EXPECT_EQ(bridge_device("10.87.0.0/16"), "tepui0");
    EXPECT_EQ(bridge_device("10.198.9.0/24"), "tepui0ac6090024");
    EXPECT_NE(bridge_device("10.198.9.0/25"), bridge_device("10.198.9.0/24"));
    EXPECT_LE(bridge_device("192.168.255.128/28").size(), 15U);
}

}  // namespace
}  // namespace tepui::containerizer::cni
