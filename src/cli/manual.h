#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/flags/flag.h"

namespace tepui::cli {

/// The text of a verb's manual page, without its options.
struct Manual {
    std::string name;                   // "run"
    std::string summary;                // One line, no full stop.
    std::vector<std::string> synopsis;  // Without the program's name: "run [OPTION]... -- COMMAND".
    std::vector<std::string> description;                          // Paragraphs.
    std::vector<std::pair<std::string, std::string>> exit_status;  // Besides the common ones.
    std::vector<std::pair<std::string, std::string>> examples;     // Command, what it does.
};

/// The page as --help prints it: NAME, SYNOPSIS, DESCRIPTION, the flags by group with their
/// defaults and environment names, EXIT STATUS, EXAMPLES; lines of at most `width` columns where
/// words allow.
std::string render_manual(const Manual& manual, const FlagSet& flags, std::size_t width = 92);

/// The exit status that all verbs share: code and meaning.
std::span<const std::pair<std::string_view, std::string_view>> common_exit_status();

/// Breaks text into lines of at most `width` columns, each with `indent` spaces in front.
std::string wrap(std::string_view text, std::size_t indent, std::size_t width);

}  // namespace tepui::cli
