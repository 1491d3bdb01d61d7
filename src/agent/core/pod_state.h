#pragma once

#include <cstdint>

namespace tepui::agent {

/// What a pod has beyond other executors. Its groups that are not launched yet wait in
/// ExecutorRun::queue.
struct PodState {
    std::uint64_t groups = 0;        // Taken so far; the number of the last.
    std::uint64_t updates_done = 0;  // Its container has the limits of this ExecutorRun::update.
};

/// What a task of a pod has beyond a command task.
struct PodTask {
    std::uint64_t group = 0;  // It lives and dies with those of the same number; from 1.
};

}  // namespace tepui::agent
