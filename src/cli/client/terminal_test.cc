#include "cli/client/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/client/container_session.h"
#include "cli/verbs/task_place.h"

namespace tepui::cli {
namespace {

TEST(DetachKeys, FindsCtrlPCtrlQ) {
    struct Case {
        std::vector<std::string> typed;
        std::string passed;
        bool detached;
    };
    const Case cases[] = {
        {{"abc"}, "abc", false},          {{"ab\x10\x11x"}, "ab", true},
        {{"ab\x10", "\x11"}, "ab", true}, {{"\x10", "x"}, "\x10x", false},
        {{"\x10\x10\x11"}, "\x10", true}, {{"\x11\x10"}, "\x11", false},
    };
    for (const Case& each : cases) {
        DetachKeys keys;
        std::string passed;
        for (const std::string& typed : each.typed) passed += keys.pass(typed);
        EXPECT_EQ(passed, each.passed);
        EXPECT_EQ(keys.detached(), each.detached);
    }
}

TEST(RawTerminal, IsRawWhileItLives) {
    const int near = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(near, 0);
    ::grantpt(near);
    ::unlockpt(near);
    const int far = ::open(::ptsname(near), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(far, 0);
    const auto is_raw = [far] {
        termios settings{};
        ::tcgetattr(far, &settings);
        return (settings.c_lflag & (ECHO | ICANON | ISIG)) == 0;
    };
    EXPECT_FALSE(is_raw());
    {
        const RawTerminal raw(far);
        EXPECT_TRUE(is_raw());
    }
    EXPECT_FALSE(is_raw());
    const winsize size{31, 99, 0, 0};
    ::ioctl(near, TIOCSWINSZ, &size);
    EXPECT_EQ(window_size(far)->rows, 31);
    EXPECT_EQ(window_size(far)->columns, 99);
    ::close(far);
    ::close(near);
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    EXPECT_FALSE(window_size(pipe[0]).has_value());
    const RawTerminal none(pipe[0]);
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST(TaskPlace, StatusInAShellsWords) {
    EXPECT_EQ(code_of(0), 0);
    EXPECT_EQ(code_of(7 << 8), 7);
    EXPECT_EQ(code_of(9), 137);
}

TEST(TaskPlace, ContainerOfATask) {
    mesos::v1::Task task;
    EXPECT_FALSE(container_of(task).has_value());
    task.add_statuses()->set_state(mesos::v1::TASK_STARTING);
    auto& running = *task.add_statuses();
    running.mutable_container_status()->mutable_container_id()->set_value("c");
    running.mutable_container_status()->mutable_container_id()->mutable_parent()->set_value("p");
    task.add_statuses()->set_state(mesos::v1::TASK_KILLING);
    ASSERT_TRUE(container_of(task).has_value());
    EXPECT_EQ(container_of(task)->value(), "c");
    EXPECT_EQ(container_of(task)->parent().value(), "p");
}

}  // namespace
}  // namespace tepui::cli
