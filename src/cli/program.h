#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/flags/flag.h"
#include "cli/manual.h"

namespace tepui::cli {

/// One verb of the program: its page, its flags, and what it does.
struct Verb {
    Manual manual;
    FlagSet flags;
    std::function<Outcome(const Console&, const Parsed&)> run;
};

/// `tepui VERB [ARGUMENT]...`: finds the verb, reads its flags, runs it, reports what went wrong.
/// `arguments` are those after the program's name. Answers the exit code. `help`, `completion`,
/// `--help` and `--version` are served here, as they need all the verbs.
int run_program(std::span<const Verb> verbs, std::span<const std::string> arguments,
                const Console& console);

/// A completion script for "bash" or "zsh"; fails with invalid_argument for others.
Result<std::string> completion_script(std::string_view shell, std::span<const Verb> verbs);

}  // namespace tepui::cli
