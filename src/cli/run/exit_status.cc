#include "cli/run/exit_status.h"

#include <charconv>
#include <csignal>
#include <cstring>
#include <string>

namespace tepui::cli {

namespace {

constexpr std::string_view exited = "Command exited with status ";
constexpr std::string_view signalled = "Command terminated with signal ";

std::optional<int> signal_number(std::string_view name) {
    for (int number = 1; number < NSIG; ++number) {
        const char* description = ::sigdescr_np(number);
        const char* abbreviation = ::sigabbrev_np(number);
        if (description != nullptr && name == description) return number;
        if (abbreviation != nullptr && name == "SIG" + std::string(abbreviation)) return number;
    }
    return std::nullopt;
}

}  // namespace

std::optional<int> status_in_message(std::string_view message) {
    if (const auto at = message.find(exited); at != std::string_view::npos) {
        const std::string_view digits = message.substr(at + exited.size());
        int status = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), status);
        if (error == std::errc{} && status >= 0 && status <= 255) return status;
        return std::nullopt;
    }
    if (const auto at = message.find(signalled); at != std::string_view::npos) {
        std::string_view name = message.substr(at + signalled.size());
        if (const auto core = name.find(" (core"); core != std::string_view::npos) {
            name = name.substr(0, core);
        }
        if (const auto number = signal_number(name)) return 128 + *number;
    }
    return std::nullopt;
}

int exit_status(const mesos::v1::TaskStatus& status) {
    if (status.state() == mesos::v1::TASK_FINISHED) return 0;
    const int told = status_in_message(status.message()).value_or(0);
    if (told != 0) return told;
    if (status.reason() == mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY &&
        status.has_reason()) {
        return 128 + SIGKILL;  // What the kernel does to a task above its memory limit.
    }
    if (status.state() == mesos::v1::TASK_KILLED) return 128 + SIGTERM;
    return 1;
}

}  // namespace tepui::cli
