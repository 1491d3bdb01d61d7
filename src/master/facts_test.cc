#include "master/facts.h"

#include <gtest/gtest.h>

namespace tepui::master {
namespace {

TEST(Facts, WhereTheMasterListensAndWhereItIsReached) {
    MasterOptions options;
    options.ip = "127.0.0.1";
    const auto plain = make_facts(options, "m", 5050, "", {});
    EXPECT_EQ(plain.info.pid(), "master@127.0.0.1:5050");
    options.advertise_ip = "192.0.2.7";
    options.advertise_port = 7777;
    const auto behind = make_facts(options, "m", 5050, "", {});
    EXPECT_EQ(behind.info.pid(), "master@192.0.2.7:7777");
    EXPECT_EQ(behind.info.address().ip(), "192.0.2.7");
    EXPECT_EQ(behind.info.address().port(), 7777);
    EXPECT_EQ(behind.info.port(), 7777U);
    EXPECT_EQ(behind.info.hostname(), "192.0.2.7");
    EXPECT_EQ(behind.flags.at("ip"), "127.0.0.1");
    EXPECT_EQ(behind.flags.at("port"), "5050");
    options.hostname = "master.example";
    EXPECT_EQ(make_facts(options, "m", 5050, "", {}).info.hostname(), "master.example");
}

}  // namespace
}  // namespace tepui::master
