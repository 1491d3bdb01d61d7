#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "resources/resources.h"

// Who makes room for a role that starves. Pure: candidates in, victims out.
namespace tepui::master {

/// Something of a lower band whose end would help: an offer that nobody has used yet, a task, or a
/// pod, which ends as a whole.
struct Candidate {
    std::size_t agent = 0;  // As the caller numbers them.
    std::int32_t band = 0;
    std::size_t tasks = 1;     // 0 for an offer.
    bool keeps_data = false;   // Uses a persistent volume.
    std::int64_t started = 0;  // Nanoseconds since the epoch; of a pod, its oldest task.
    double share = 0;          // Of its agent, that of the scalar it has most of.
    Quantities frees;          // What the starving role could have of it.
};

/// Candidates by their place in the list; in the order they were chosen.
using Victims = std::vector<std::size_t>;

/// At most so many are chosen at once: what is still lacking is looked at again soon.
constexpr std::size_t victims_max = 1000;

/// Those that together cover as much of `lack` as can be, and none that could be spared. Offers
/// come first, tasks with data last; then the lowest band; then what makes the fewest tasks end,
/// then the youngest, then the smallest share. Cost: O(candidates x victims).
Victims choose_victims(const Quantities& lack, const std::vector<Candidate>& candidates);

/// The same for a role that needs all of one of `sets` on one agent, where `free` is what the
/// agents have free already: the agent where it costs least. None if there is no such agent; empty
/// if one has enough as it is.
std::optional<Victims> choose_on_one_agent(const std::vector<Quantities>& sets,
                                           const std::map<std::size_t, Quantities>& free,
                                           const std::vector<Candidate>& candidates);

}  // namespace tepui::master
