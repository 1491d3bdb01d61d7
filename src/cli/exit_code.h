#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/result.h"

namespace tepui::cli {

/// What the process ends with. `tepui run` also ends with its task's own status.
enum class Exit : int {
    ok = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    timeout = 4,
    denied = 5,
};

/// The exit code that fits an error's kind.
Exit exit_for(Errc code);

/// A verb that could not do its work, in the three parts a person needs.
struct Failure {
    std::string what;  // What was being done: "run: asking 127.0.0.1:5050".
    Error why;         // What went wrong; decides the exit code.
    std::string next;  // A command that helps; empty when there is none.
};

/// A verb's exit code, or why it gave up.
using Outcome = std::expected<int, Failure>;

inline std::unexpected<Failure> give_up(std::string what, Error why, std::string next = {}) {
    return std::unexpected<Failure>(Failure{std::move(what), std::move(why), std::move(next)});
}

/// "tepui: WHAT: WHY\n  try: NEXT\n".
std::string to_string(const Failure& failure);

}  // namespace tepui::cli
