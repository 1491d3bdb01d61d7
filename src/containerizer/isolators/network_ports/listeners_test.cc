#include <gtest/gtest.h>

#include "containerizer/isolators/network_ports/listeners.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "111 1 "
    "0000 100 0 0 10 0\n"
    "   1: 0100007F:1F91 0100007F:AAAA 01 00000000:00000000 00:00000000 00000000     0        0 "
    "222 1\n"
    "   2: 00000000:7918 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "333 1\n"
    "   3: broken\n";
constexpr const char* k_table6 =
    "  sl  local_address                         remote_address                        st "
    "tx_queue\n"
    "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 444 1\n";

TEST(ListenersTest, ReadsTablesOfBothProtocols) {
    Listeners listeners;
    add_listeners(k_table, listeners);
    add_listeners(k_table6, listeners);
    EXPECT_EQ(listeners, (Listeners{{111, 8080}, {333, 31000}, {444, 80}})) << "connected ones not";
    add_listeners("", listeners);
    EXPECT_EQ(listeners.size(), 3u);
}

TEST(ListenersTest, ReadsLinksOfDescriptors) {
    EXPECT_EQ(socket_inode("socket:[111]"), 111u);
    EXPECT_EQ(socket_inode("pipe:[111]"), 0u);
    EXPECT_EQ(socket_inode("socket:[1x]"), 0u);
    EXPECT_EQ(socket_inode("socket:[]"), 0u);
}

TEST(ListenersTest, PortsThatWereNotGivenAreStrange) {
    const Listeners listeners{{111, 8080}, {333, 31000}, {444, 80}};
    const PortRules all;
    EXPECT_EQ(strange_ports(listeners, {111, 333}, {{31000, 31005}}, all),
              (std::set<std::uint16_t>{8080}));
    EXPECT_EQ(strange_ports(listeners, {333, 999}, {{31000, 31000}}, all),
              (std::set<std::uint16_t>{}));
    EXPECT_EQ(strange_ports(listeners, {111, 333, 444}, {}, all),
              (std::set<std::uint16_t>{80, 8080, 31000}));
}

TEST(ListenersTest, SomePortsAreNobodysBusiness) {
    const Listeners listeners{{111, 8080}, {333, 31000}, {444, 80}};
    const PortRules of_agent{
        .agent_range_only = true, .agent_range = {{31000, 32000}}, .isolated_range = {}};
    EXPECT_EQ(strange_ports(listeners, {111, 333, 444}, {}, of_agent),
              (std::set<std::uint16_t>{31000}));
    const PortRules low{.agent_range = {}, .isolated_range = {{{1, 1023}}}};
    EXPECT_EQ(strange_ports(listeners, {111, 333, 444}, {}, low), (std::set<std::uint16_t>{80}));
}

TEST(ListenersTest, RangesSurviveTheirText) {
    const std::vector<NumberRange> ranges{{31000, 31002}, {80, 80}};
    EXPECT_EQ(to_text(ranges), "31000-31002,80-80");
    EXPECT_EQ(parse_ranges(to_text(ranges)), ranges);
    EXPECT_EQ(parse_ranges("80,x-1,90-70000,5-6"), (std::vector<NumberRange>{{80, 80}, {5, 6}}));
    EXPECT_TRUE(parse_ranges("").empty());
}

}  // namespace
}  // namespace tepui::containerizer
