// main() of the unit tests. A test that does not end is ended here, and says where it stands: a
// runner's time limit would tell neither the test's name nor what it waits for.
#include <dirent.h>
#include <execinfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

extern "C" [[gnu::weak]] void __sanitizer_print_stack_trace();

namespace {

// The longest test there is takes 40 s with sanitizers on a quiet machine; unoptimised builds run
// the allocator's random traces for minutes.
constexpr unsigned k_test_seconds_max = 300;  // $TEPUI_TEST_SECONDS_MAX says otherwise.
constexpr unsigned k_report_seconds_max = 20;

const char* current_test = "";
std::atomic<int> told{0};

void tell_stack(int) {
    if (__sanitizer_print_stack_trace != nullptr) {
        __sanitizer_print_stack_trace();
    } else {
        void* frames[64];
        ::backtrace_symbols_fd(frames, ::backtrace(frames, 64), STDERR_FILENO);
    }
    told.fetch_add(1);
}

std::string words_of(const std::string& path) {
    std::ifstream file(path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    for (char& c : text)
        if (c == '\0' || c == '\n') c = ' ';
    return text.substr(0, 200);
}

void tell_children() {
    DIR* processes = ::opendir("/proc");
    while (const dirent* entry = processes != nullptr ? ::readdir(processes) : nullptr) {
        const std::string folder = std::string("/proc/") + entry->d_name;
        std::ifstream status(folder + "/status");
        std::string line;
        while (std::getline(status, line))
            if (line == "PPid:\t" + std::to_string(::getpid()))
                std::fprintf(stderr, "child %s waits in %s: %s\n", entry->d_name,
                             words_of(folder + "/wchan").c_str(),
                             words_of(folder + "/cmdline").c_str());
    }
}

void tell_threads() {
    ::signal(SIGUSR2, tell_stack);
    DIR* threads = ::opendir("/proc/self/task");
    while (const dirent* entry = threads != nullptr ? ::readdir(threads) : nullptr) {
        const int thread = std::atoi(entry->d_name);
        if (thread <= 0) continue;
        std::fprintf(stderr, "thread %d:\n", thread);
        const int before = told.load();
        ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR2);
        for (int look = 0; look < 30 && told.load() == before; ++look) {
            const timespec pause{0, 100'000'000};
            ::nanosleep(&pause, nullptr);
        }
    }
}

/// Nothing of the process is used any more after this, so that it may do what handlers must not;
/// if that hangs too, the second alarm ends it.
void give_up(int) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(k_report_seconds_max);
    const auto say = [](const char* text) {
        [[maybe_unused]] const auto written =
            ::write(STDERR_FILENO, text, std::char_traits<char>::length(text));
    };
    say("\n[  FAILED  ] ");
    say(current_test);
    say(" did not end in time; its children and threads:\n");
    tell_children();
    tell_threads();
    ::_exit(1);
}

class TimeLimit final : public testing::EmptyTestEventListener {
    void OnTestStart(const testing::TestInfo& test) override {
        name_ = std::string(test.test_suite_name()) + "." + test.name();
        current_test = name_.c_str();
        const char* seconds = std::getenv("TEPUI_TEST_SECONDS_MAX");
        ::alarm(seconds != nullptr ? static_cast<unsigned>(std::atoi(seconds))
                                   : k_test_seconds_max);
    }
    void OnTestEnd(const testing::TestInfo&) override { ::alarm(0); }

    std::string name_;
};

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleMock(&argc, argv);
    ::signal(SIGALRM, give_up);
    testing::UnitTest::GetInstance()->listeners().Append(new TimeLimit);
    return RUN_ALL_TESTS();
}
