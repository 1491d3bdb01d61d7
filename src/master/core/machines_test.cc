#include "master/core/machines.h"

#include <gtest/gtest.h>

namespace tepui::master {
namespace {

mesos::v1::MachineID machine(std::string_view hostname, std::string_view ip) {
    mesos::v1::MachineID id;
    if (!hostname.empty()) id.set_hostname(std::string(hostname));
    if (!ip.empty()) id.set_ip(std::string(ip));
    return id;
}

TEST(Machines, AreFoundByHostnameAndIp) {
    std::map<MachineKey, Machine> machines;
    const auto add = [&](std::string_view hostname, std::string_view ip) {
        const mesos::v1::MachineID id = machine(hostname, ip);
        machines[machine_key(id)].id = id;
    };
    add("Node1", "10.0.0.1");
    add("node1", "");
    add("", "10.0.0.3");
    const auto found = [&](const std::string& hostname, const std::string& ip) {
        const Machine* machine = find_machine(machines, hostname, ip);
        return machine == nullptr ? "" : machine_text(machine->id);
    };
    EXPECT_EQ(found("node1", "10.0.0.1"), "Node1 (10.0.0.1)");
    EXPECT_EQ(found("NODE1", "10.0.0.2"), "node1");
    EXPECT_EQ(found("node2", "10.0.0.3"), "10.0.0.3");
    EXPECT_EQ(found("node2", "10.0.0.1"), "");
    EXPECT_EQ(found("", ""), "");
}

}  // namespace
}  // namespace tepui::master
