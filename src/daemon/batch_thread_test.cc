#include "daemon/batch_thread.h"

#include <condition_variable>
#include <vector>

#include <gmock/gmock.h>

namespace tepui::daemon {
namespace {

using testing::ElementsAre;
constexpr auto patience = std::chrono::seconds(20);

/// Notes the batches of a thread of numbers.
struct Notes {
    void take(std::deque<int> batch) {
        const std::scoped_lock lock(mutex);
        batches.emplace_back(batch.begin(), batch.end());
        changed.notify_all();
    }
    bool wait_for(std::size_t count) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, patience, [&] { return batches.size() >= count; });
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::vector<int>> batches;
};

bool push(BatchThread<int>& thread, int item) { return thread.push(item); }

TEST(BatchThread, TakesWhatWaitsInBatchesAfterTheStart) {
    Notes notes;
    BatchThread<int> thread([&](std::deque<int> batch) { notes.take(std::move(batch)); }, 2);
    thread.start([&] {
        for (int i = 1; i <= 5; ++i) push(thread, i);
        EXPECT_EQ(thread.waiting(), 5U);
        notes.take({0});
    });
    ASSERT_TRUE(notes.wait_for(4));
    EXPECT_THAT(notes.batches,
                ElementsAre(ElementsAre(0), ElementsAre(1, 2), ElementsAre(3, 4), ElementsAre(5)));
    EXPECT_EQ(thread.waiting(), 0U);
}

TEST(BatchThread, WakesAtTheDeadlineThatWasSetLast) {
    Notes notes;
    BatchThread<int> thread([&](std::deque<int> batch) { notes.take(std::move(batch)); });
    const Instant now{std::chrono::hours(1)};
    thread.start([&] {
        thread.wake_at(now + std::chrono::hours(1), now);
        thread.wake_at(now, now);
    });
    ASSERT_TRUE(notes.wait_for(1));
    EXPECT_THAT(notes.batches, ElementsAre(ElementsAre()));
}

TEST(BatchThread, GivesBackWhatNobodyTookAndTakesNothingMore) {
    Notes notes;
    BatchThread<int> thread([&](std::deque<int> batch) { notes.take(std::move(batch)); });
    push(thread, 1);  // Never started: it stays.
    push(thread, 2);
    const auto left = thread.stop();
    ASSERT_TRUE(left);
    EXPECT_THAT(*left, ElementsAre(1, 2));
    EXPECT_FALSE(push(thread, 3));
    EXPECT_FALSE(thread.stop());
    EXPECT_TRUE(notes.batches.empty());
}

}  // namespace
}  // namespace tepui::daemon
