#include "cli/run/container.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run/matching.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;
namespace v1 = mesos::v1;

Result<RunSpec> spec_of(const std::vector<std::string>& arguments) {
    const Verb verb = run_verb();
    const auto parsed = parse_flags(
        verb.flags, arguments, [](const std::string&) { return std::optional<std::string>(); });
    if (!parsed) return std::unexpected(parsed.error());
    return make_run_spec(*parsed, "me", "here", "id");
}

TEST(RunContainer, AnImageAloneRunsWhatItSays) {
    const auto spec = spec_of({"--image", "host:5000/team/app:v1"});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_EQ(spec->name, "app");
    EXPECT_FALSE(spec->command.shell());
    EXPECT_FALSE(spec->command.has_value());
    ASSERT_TRUE(spec->container);
    EXPECT_EQ(spec->container->mesos().image().docker().name(), "host:5000/team/app:v1");
    EXPECT_TRUE(spec->container->mesos().image().cached());
    EXPECT_FALSE(spec->command.has_user());
}

TEST(RunContainer, OneWordInAnImageIsAProgram) {
    const auto spec = spec_of({"--image", "app", "--pull", "--", "ls"});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_FALSE(spec->command.shell());
    EXPECT_EQ(spec->command.value(), "ls");
    EXPECT_FALSE(spec->container->mesos().image().cached());
}

TEST(RunContainer, WithoutAnImageThereIsNoContainer) {
    const auto spec = spec_of({"--", "ls"});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_FALSE(spec->container);
    EXPECT_FALSE(spec->health_check);
    EXPECT_FALSE(spec_of({}));
}

TEST(RunContainer, AWorkingDirectoryIsGoneToByAShell) {
    const auto spec = spec_of({"--image", "app", "--workdir", "/it's", "--", "ls", "a b"});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_TRUE(spec->command.shell());
    EXPECT_EQ(spec->command.value(), R"(cd '/it'\''s' && exec 'ls' 'a b')");
    EXPECT_EQ(spec->command.arguments_size(), 0);
    EXPECT_FALSE(spec_of({"--image", "app", "--workdir", "/x"}));
}

TEST(RunContainer, PublishedPortsAreNeedsOfTheTask) {
    const auto spec =
        spec_of({"--image", "app", "--network", "net", "-p", "31000:80", "-p", "31001:53/udp"});
    ASSERT_TRUE(spec) << spec.error().text;
    const v1::NetworkInfo& network = spec->container->network_infos(0);
    EXPECT_EQ(network.name(), "net");
    EXPECT_EQ(network.port_mappings(1).protocol(), "udp");
    v1::Offer offer;
    v1::Resource& cpus = *offer.add_resources();
    cpus.set_name("cpus");
    cpus.set_type(v1::Value::SCALAR);
    cpus.mutable_scalar()->set_value(4);
    v1::Resource memory = cpus;
    memory.set_name("mem");
    memory.mutable_scalar()->set_value(4096);
    *offer.add_resources() = memory;
    v1::Resource& ports = *offer.add_resources();
    ports.set_name("ports");
    ports.set_type(v1::Value::RANGES);
    auto* range = ports.mutable_ranges()->add_range();
    range->set_begin(31000);
    range->set_end(31001);
    const Match match = cli::match({offer}, spec->needs, 2);
    ASSERT_EQ(match.placements.size(), 1u);
    ASSERT_EQ(match.placements[0].instances.size(), 1u) << "the ports are there only once";
    int taken = 0;
    for (const auto& resource : match.placements[0].instances[0])
        if (resource.name() == "ports") taken += resource.ranges().range_size();
    EXPECT_EQ(taken, 2);
    range->set_end(31000);
    const Match none = cli::match({offer}, spec->needs, 1);
    ASSERT_TRUE(none.nearest);
    EXPECT_THAT(to_string(*none.nearest), HasSubstr("port 31001 0 of 1"));
}

TEST(RunContainer, PublishNeedsANetworkOfItsOwn) {
    const auto spec = spec_of({"--image", "app", "-p", "31000:80"});
    ASSERT_FALSE(spec);
    EXPECT_THAT(spec.error().text, HasSubstr("--network"));
}

TEST(RunContainer, VolumesAreOfTheMachine) {
    const auto spec = spec_of({"--image", "app", "-v", "/a:/b:ro", "-v", "/c:/d"});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_EQ(spec->container->volumes(0).mode(), v1::Volume::RO);
    EXPECT_EQ(spec->container->volumes(0).source().host_path().path(), "/a");
    EXPECT_EQ(spec->container->volumes(1).container_path(), "/d");
    EXPECT_EQ(spec->container->volumes(1).mode(), v1::Volume::RW);
}

TEST(RunContainer, AHealthCommandIsAHealthCheck) {
    const auto spec = spec_of({"--health-cmd", "test -e ok", "--health-interval", "500ms",
                               "--health-retries", "5", "--", "sleep", "9"});
    ASSERT_TRUE(spec) << spec.error().text;
    ASSERT_TRUE(spec->health_check);
    EXPECT_EQ(spec->health_check->command().value(), "test -e ok");
    EXPECT_EQ(spec->health_check->interval_seconds(), 0.5);
    EXPECT_EQ(spec->health_check->consecutive_failures(), 5u);
    EXPECT_FALSE(spec->container);

    const auto eager =
        spec_of({"--health-cmd", "true", "--health-start-period", "0secs", "--", "x"});
    ASSERT_TRUE(eager) << eager.error().text;
    EXPECT_EQ(eager->health_check->grace_period_seconds(), 0);
    EXPECT_FALSE(spec_of({"--health-cmd", "true", "--health-interval", "0secs", "--", "x"}));
}

TEST(RunContainer, WhatIsMistypedIsNamed) {
    for (const char* volume : {"/a", "a:/b", "/a:b", "/a:/b:rx", ""})
        EXPECT_FALSE(parse_volume(volume)) << volume;
    for (const char* ports : {"80", "80:", ":80", "0:80", "80:65536", "80:80/sctp", "a:b"})
        EXPECT_FALSE(parse_publish(ports)) << ports;
}

}  // namespace
}  // namespace tepui::cli
