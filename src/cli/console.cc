#include "cli/console.h"

#include <unistd.h>
#include <cerrno>
#include <cstdlib>

namespace tepui::cli {

namespace {

void write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string line_of_input() {
    std::string line;
    for (char c = 0;;) {
        const ssize_t got = ::read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || c == '\n') return line;
        line += c;
    }
}

std::optional<std::string> from_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

}  // namespace

Console process_console() {
    Console console;
    console.out = [](std::string_view text) { write_all(STDOUT_FILENO, text); };
    console.err = [](std::string_view text) { write_all(STDERR_FILENO, text); };
    console.environment = from_environment;
    console.read_line = line_of_input;
    console.in_is_terminal = ::isatty(STDIN_FILENO) == 1;
    console.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
    console.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
    console.color = console.out_is_terminal && from_environment("NO_COLOR").value_or("").empty();
    return console;
}

}  // namespace tepui::cli
