#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "agent/core/core_testing.h"
#include "agent/core/record.h"
#include "agent/core/sandboxes.h"
#include "agent/core/timers.h"

namespace tepui::agent {
namespace {

using ::testing::ElementsAre;
using testing::exited;
using testing::World;

TEST(Sandboxes, RemovedAWeekAfterTheEnd) {
    World world;
    world.start();
    world.run_task("t");
    const std::string sandbox = world.containers.begin()->second.sandbox;
    world.advance(30 * 24h);
    EXPECT_TRUE(world.removed.empty()) << "it runs";
    world.exit_task("t", exited(0));
    world.advance(7 * 24h - 1s);
    EXPECT_TRUE(world.removed.empty());
    world.advance(1s);
    EXPECT_THAT(world.removed, ElementsAre(sandbox));
    for (const auto& [key, value] : world.disk) EXPECT_EQ(key, "identity");
}

TEST(Sandboxes, AgeOverRestartsAndWhileTheAgentIsDown) {
    World world;
    world.start();
    world.run_task("t");
    world.exit_task("t", exited(0));
    world.advance(3 * 24h);
    world.crash();
    world.advance(3 * 24h);
    world.start();  // Takes a minute.
    world.advance(24h - 1min - 1s);
    EXPECT_TRUE(world.removed.empty());
    world.advance(1s);
    EXPECT_EQ(world.removed.size(), 1U);
}

TEST(Sandboxes, AWallClockThatJumpsBackDelaysButNeverBreaks) {
    World world;
    world.start();
    world.run_task("t");
    world.exit_task("t", exited(0));
    world.crash();
    world.now.wall.since_epoch -= 48h;
    world.start();
    world.advance(7 * 24h);
    EXPECT_EQ(world.removed.size(), 1U);
}

TEST(Sandboxes, LiveShorterAsTheDiskFills) {
    CoreConfig config;
    config.gc_delay = 100h;
    EXPECT_EQ(sandbox_age_max(config, 0), 90h);
    EXPECT_EQ(sandbox_age_max(config, 0.5), 40h);
    EXPECT_EQ(sandbox_age_max(config, 0.95), 0h);
    config.gc_disk_headroom = 0;
    EXPECT_EQ(sandbox_age_max(config, 0), 100h);
    EXPECT_EQ(sandbox_age_max(config, 1), 0h);
}

TEST(Sandboxes, TheOldestGoWhenTheDiskFillsAndNeverThoseInUse) {
    World world;
    world.start();
    for (const char* task : {"old", "young", "running"}) world.run_task(task);
    const std::string old = world.containers.at(world.container_of("old")).sandbox;
    const std::string young = world.containers.at(world.container_of("young")).sandbox;
    world.exit_task("old", exited(0));
    world.advance(48h);
    world.exit_task("young", exited(0));
    world.advance(1h);
    world.feed(DiskUsageMeasured{0.5});
    EXPECT_TRUE(world.removed.empty()) << "0.4 weeks are 67 hours";
    world.feed(DiskUsageMeasured{0.8});
    EXPECT_THAT(world.removed, ElementsAre(old)) << "0.1 weeks are 17 hours";
    world.feed(DiskUsageMeasured{0.9});
    EXPECT_THAT(world.removed, ElementsAre(old, young));
    world.advance(30 * 24h);
    EXPECT_EQ(world.removed.size(), 2U) << "each once, and nothing that runs";
}

TEST(Sandboxes, NothingIsLaunchedOnAFullDisk) {
    World world;
    world.start();
    world.run_task("before");
    world.feed(DiskFreeMeasured{1000});
    const auto stored = world.disk;
    world.run_task("t");
    EXPECT_EQ(world.states("t"), std::vector{mesos::v1::TASK_FAILED});
    EXPECT_EQ(world.updates("t").back().reason(),
              mesos::v1::TaskStatus::REASON_CONTAINER_LAUNCH_FAILED);
    EXPECT_NE(world.last_message("t").find("1000 bytes"), std::string::npos);
    EXPECT_EQ(world.disk, stored) << "not a byte more";
    EXPECT_EQ(world.states("before").back(), mesos::v1::TASK_RUNNING);
    world.feed(DiskFreeMeasured{std::uint64_t{1} << 30});
    world.run_task("u");
    EXPECT_EQ(world.states("u").back(), mesos::v1::TASK_RUNNING);
}

TEST(Timers, FireInOrderAndOnce) {
    Timers timers;
    EXPECT_EQ(timers.next(), Instant::max());
    const TimerKey a{TimerKind::escalation, "a"};
    const TimerKey b{TimerKind::escalation, "b"};
    const TimerKey c{TimerKind::retry, "c", "task"};
    timers.set(a, Instant{30s});
    timers.set(b, Instant{10s});
    timers.set(c, Instant{20s});
    timers.set(a, Instant{5s});
    timers.clear(b);
    EXPECT_EQ(timers.next(), Instant{5s});
    EXPECT_TRUE(timers.take_due(Instant{4s}).empty());
    EXPECT_THAT(timers.take_due(Instant{20s}), ElementsAre(a, c));
    EXPECT_EQ(timers.next(), Instant::max());
}

RC_GTEST_PROP(Record, ReadsWhatItWrote, (const std::vector<std::string>& fields)) {
    const auto read = decode_record(encode_record(fields), fields.size());
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == fields);
    RC_ASSERT(!decode_record(encode_record(fields), fields.size() + 1));
}

RC_GTEST_PROP(Record, NoticesEveryFlippedBit, (const std::vector<std::string>& fields)) {
    std::string bytes = encode_record(fields);
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << *rc::gen::inRange(0, 8)));
    RC_ASSERT(!decode_record(bytes, 0));
}

TEST(Record, KnownChecksum) { EXPECT_EQ(crc32("123456789"), 0xCBF43926U); }

}  // namespace
}  // namespace tepui::agent
