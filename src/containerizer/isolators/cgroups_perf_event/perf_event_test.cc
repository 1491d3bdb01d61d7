#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include "containerizer/isolators/cgroups_perf_event/perf_counters.h"

namespace tepui::containerizer {
namespace {

TEST(PerfEventsTest, NamesInAnySpelling) {
    const auto events = parse_perf_events({"cycles", "L1-dcache-load-misses", "cpu/task-clock/"});
    ASSERT_TRUE(events) << events.error().text;
    ASSERT_EQ(events->size(), 3u);
    EXPECT_EQ((*events)[0].field, "cycles");
    EXPECT_EQ((*events)[1].field, "l1_dcache_load_misses");
    EXPECT_EQ((*events)[1].type, static_cast<std::uint32_t>(PERF_TYPE_HW_CACHE));
    EXPECT_EQ((*events)[1].config, 0x10000u) << "level 1 data, read, miss";
    EXPECT_EQ((*events)[2].config, static_cast<std::uint64_t>(PERF_COUNT_SW_TASK_CLOCK));
    EXPECT_EQ(parse_perf_events({"cycles", "moods"}).error().code, Errc::invalid_argument);
}

TEST(PerfEventsTest, EveryEventHasItsField) {
    const auto* descriptor = mesos::v1::PerfStatistics::descriptor();
    std::vector<std::string> names;
    for (int i = 0; i < descriptor->field_count(); ++i) {
        const std::string name = descriptor->field(i)->name();
        if (name != "timestamp" && name != "duration") names.push_back(name);
    }
    const auto events = parse_perf_events(names);
    ASSERT_TRUE(events) << events.error().text;
    for (const PerfEvent& event : *events) {
        mesos::v1::PerfStatistics statistics;
        add_count(event, 3'000'000, statistics);
        const auto* field = descriptor->FindFieldByName(event.field);
        EXPECT_TRUE(statistics.GetReflection()->HasField(statistics, field)) << event.name;
    }
}

TEST(PerfEventsTest, CountsOfSharedHardwareAreScaledUp) {
    EXPECT_EQ(scaled({.value = 10, .enabled_ns = 100, .running_ns = 100}), 10u);
    EXPECT_EQ(scaled({.value = 10, .enabled_ns = 100, .running_ns = 50}), 20u);
    EXPECT_EQ(scaled({.value = 10, .enabled_ns = 100, .running_ns = 0}), 0u);
}

TEST(PerfEventsTest, SoftwareEventsAreCountedOnAnyMachine) {
    ASSERT_EQ(::geteuid(), 0u) << "this test needs root: events of all processes are counted";
    const auto events = parse_perf_events({"task-clock"});
    ASSERT_TRUE(events);
    const auto possible = PerfCounters::probe(events->front());
    EXPECT_TRUE(possible) << possible.error().text;
    EXPECT_EQ(PerfCounters::open(*events, "/nowhere").error().code, Errc::io);
}

}  // namespace
}  // namespace tepui::containerizer
