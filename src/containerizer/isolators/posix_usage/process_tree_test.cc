#include <gtest/gtest.h>

#include "containerizer/isolators/posix_usage/process_tree.h"

namespace tepui::containerizer {
namespace {

TEST(ProcessTreeTest, ReadsWhatProcShows) {
    const auto stat = parse_stat(
        "42 (a (b) c) S 7 42 42 0 -1 4194304 100 0 0 0 30 4 5 6 20 0 3 0 100 5000000 250 "
        "18446744073709551615 1 1 0\n");
    ASSERT_TRUE(stat);
    EXPECT_EQ(*stat, (ProcessStat{.parent = 7,
                                  .user_ticks = 35,
                                  .system_ticks = 10,
                                  .threads = 3,
                                  .resident_pages = 250}));
    EXPECT_FALSE(parse_stat(""));
    EXPECT_FALSE(parse_stat("42 (cut"));
    EXPECT_FALSE(parse_stat("42 (short) S 7 42"));
}

TEST(ProcessTreeTest, SumsOverDescendantsOnly) {
    const auto process = [](std::int64_t parent, std::uint64_t ticks) {
        return ProcessStat{.parent = parent,
                           .user_ticks = ticks,
                           .system_ticks = 0,
                           .threads = 1,
                           .resident_pages = 10};
    };
    const std::map<std::int64_t, ProcessStat> all{{1, process(0, 1)},
                                                  {5, process(1, 2)},
                                                  {6, process(5, 4)},
                                                  {7, process(6, 8)},
                                                  {8, process(1, 16)}};
    const TreeUsage usage = usage_of_tree(all, 5);
    EXPECT_EQ(usage.processes, 3u);
    EXPECT_EQ(usage.user_ticks, 14u);
    EXPECT_EQ(usage.resident_pages, 30u);
    EXPECT_EQ(usage_of_tree(all, 99), TreeUsage{});
    const std::map<std::int64_t, ProcessStat> circle{{5, process(6, 1)}, {6, process(5, 1)}};
    EXPECT_EQ(usage_of_tree(circle, 5).processes, 2u);
}

}  // namespace
}  // namespace tepui::containerizer
