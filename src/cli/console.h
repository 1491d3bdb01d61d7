#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tepui::cli {

/// Where a verb writes and what it may know of its surroundings. Tests put their own in.
struct Console {
    std::function<void(std::string_view)> out;
    std::function<void(std::string_view)> err;
    std::function<std::optional<std::string>(const std::string&)> environment;
    /// A line of standard input without its end; what came before its end where that is missing.
    std::function<std::string()> read_line;
    bool in_is_terminal = false;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    bool color = false;  // Terminal on standard output, and NO_COLOR is unset or empty.
};

/// The console of this process. Writes are whole and unbuffered; a closed pipe is ignored.
Console process_console();

}  // namespace tepui::cli
