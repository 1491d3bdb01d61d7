#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "env/posix/clock.h"
#include "env/posix/worker_pool.h"

namespace tepui::env {
namespace {

TEST(PosixClock, GoesForwardAndKnowsTheYear) {
    const PosixClock clock;
    const Now first = clock.now();
    const Now second = clock.now();
    EXPECT_LE(first.instant, second.instant);
    EXPECT_GT(first.wall.seconds(), 1.6e9);
}

TEST(PosixRandom, DoesNotRepeat) {
    PosixRandom random;
    EXPECT_NE(random.seed(), random.seed());
}

TEST(WorkerPool, RunsWorkInOrderOnOneThread) {
    WorkerPool pool(1);
    std::vector<int> seen;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.post([&seen, i] { seen.push_back(i); }));
    pool.stop();
    ASSERT_EQ(seen.size(), 100);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(WorkerPool, RunsWorkSideBySide) {
    WorkerPool pool(2);
    std::promise<void> first;
    std::promise<void> second;
    // Each waits for the other: one thread alone would never end this.
    pool.post([&] {
        first.set_value();
        second.get_future().wait();
    });
    pool.post([&] {
        first.get_future().wait();
        second.set_value();
    });
    pool.stop();
}

TEST(WorkerPool, SurvivesExceptions) {
    WorkerPool pool(1);
    std::promise<int> done;
    pool.post([] { throw std::runtime_error("broken"); });
    pool.post([] { throw 1; });
    pool.post([&] { done.set_value(7); });
    EXPECT_EQ(done.get_future().get(), 7);
}

TEST(WorkerPool, TakesNothingAfterStop) {
    WorkerPool pool(1);
    pool.stop();
    EXPECT_FALSE(pool.post([] {}));
    pool.stop();
}

}  // namespace
}  // namespace tepui::env
