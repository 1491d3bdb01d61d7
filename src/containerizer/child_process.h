#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {

/// A program to run beside the agent, for as long as one call waits for it.
struct ChildProgram {
    std::string path;                      // Absolute.
    std::vector<std::string> argv;         // The first is its name.
    std::vector<std::string> environment;  // NAME=value; nothing else of the agent's reaches it.
    /// Descriptors it gets: ours, and the number it has there. Those of 0 to 2 that are not named
    /// are /dev/null, all others are closed.
    std::vector<std::pair<int, int>> descriptors;
};

/// How a program ended and what it wrote.
struct ChildEnd {
    int status = 0;      // As wait(2) gives it.
    std::string output;  // The first `output_bytes_max` bytes.
};

/// When to give up on a program.
struct ChildLimits {
    Duration time_max = 60s;
    std::size_t output_bytes_max = 64 << 10;
    const std::atomic<bool>* cancelled = nullptr;
    /// Asked some times a second; an answer ends the program and is the error of run_child().
    std::function<std::optional<Error>()> give_up;
};

/// Starts `program` without copying this process (vfork-like), in a session of its own. The caller
/// ends and reaps it. Fails with io when it cannot be started.
Result<pid_t> start_child(const ChildProgram& program);

/// Starts `program` like start_child(), reads what
/// it writes to `output_number`, and waits for its end. When it takes too long or `cancelled` is
/// set, it is killed with all of its session's first process group, and the error is timeout or
/// cancelled. It is always reaped. Fails with io when it cannot be started.
Result<ChildEnd> run_child(const ChildProgram& program, int output_number,
                           const ChildLimits& limits);

}  // namespace tepui::containerizer
