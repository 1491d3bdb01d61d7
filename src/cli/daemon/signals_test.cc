#include "cli/daemon/signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <future>

namespace tepui::cli {
namespace {

constexpr auto deadline_of_test = std::chrono::seconds{30};

TEST(SignalEnd, TheFirstOneBegins) {
    std::promise<int> begun;
    {
        const SignalEnd end("test", {{SIGTERM, 30s}, {SIGUSR1, std::nullopt}},
                            [&](int signal) { begun.set_value(signal); });
        std::raise(SIGUSR1);
        auto signal = begun.get_future();
        ASSERT_EQ(signal.wait_for(deadline_of_test), std::future_status::ready);
        EXPECT_EQ(signal.get(), SIGUSR1);
    }
}

TEST(SignalEnd, EndsWithoutAnySignal) {
    const SignalEnd end("test", {{SIGTERM, 1ns}}, [](int) { FAIL(); });
}

TEST(SignalEnd, WaitsForWhatHasBegun) {
    std::promise<void> begun;
    std::promise<void> go_on;
    bool is_over = false;
    {
        const SignalEnd end("test", {{SIGTERM, 30s}}, [&](int) {
            begun.set_value();
            go_on.get_future().wait();
            is_over = true;
        });
        std::raise(SIGTERM);
        begun.get_future().wait();
        go_on.set_value();
    }
    EXPECT_TRUE(is_over);
}

// In a process of its own: begins on `first`, never gets on, and may get a second signal.
void hang(int first, std::optional<int> second) {
    std::promise<void> begun;
    const SignalEnd end("test", {{SIGTERM, 20ms}, {SIGUSR1, std::nullopt}}, [&](int) {
        begun.set_value();
        std::promise<void>().get_future().wait_for(deadline_of_test);
    });
    std::raise(first);
    begun.get_future().wait();
    if (second) std::raise(*second);
    std::promise<void> never;
    never.get_future().wait_for(deadline_of_test);
}

TEST(SignalEndDeathTest, ASecondOneEndsAtOnce) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(hang(SIGUSR1, SIGTERM), testing::ExitedWithCode(128 + SIGTERM), "TERM again");
    EXPECT_EXIT(hang(SIGUSR1, SIGUSR1), testing::ExitedWithCode(128 + SIGUSR1), "USR1 again");
}

TEST(SignalEndDeathTest, TheDeadlineEndsAtOnce) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(hang(SIGTERM, std::nullopt), testing::ExitedWithCode(4), "no orderly end within");
}

}  // namespace
}  // namespace tepui::cli
