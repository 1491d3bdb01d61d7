#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/program.h"

namespace tepui::cli {

/// What may stand where the cursor is.
struct Candidates {
    std::vector<std::string> words;  // That begin with what was typed, in order.
    std::string kind;    // "tasks", "agents", "frameworks", "roles", ...: their names fit too.
    std::string prefix;  // What was typed.
    std::string master;  // What --master says before the cursor; empty without it.
};

/// `words`: those after the program's name up to the cursor; the last is the one being typed, empty
/// when it has not begun. Pure.
Candidates find_candidates(std::span<const Verb> verbs, std::span<const std::string> words);

/// The ids and names of a kind that begin with `prefix`, from a master; nothing when it has not
/// answered within a second, for nobody waits longer for a key.
std::vector<std::string> ask_candidates(const Candidates& candidates, const Console& console);

}  // namespace tepui::cli
