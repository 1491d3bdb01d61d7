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
    /// What completion offers for each word that is no flag, as Flag::offers; "@kind" is the names
    /// of the kind that the first word names. The last entry is for all words after it too.
    std::vector<std::vector<std::string>> offers = {};
};

/// `tepui VERB [ARGUMENT]...`: finds the verb, reads its flags, runs it, reports what went wrong.
/// `arguments` are those after the program's name. Answers the exit code. `help`, `completion`,
/// `man`, `__complete`, `--help` and `--version` are served here, as they need all the verbs.
int run_program(std::span<const Verb> verbs, std::span<const std::string> arguments,
                const Console& console);

/// Pages and completion of the verbs that are served by run_program() itself.
std::vector<Verb> builtin_verbs();

/// A completion script for "bash" or "zsh"; fails with invalid_argument for others.
Result<std::string> completion_script(std::string_view shell);

}  // namespace tepui::cli
