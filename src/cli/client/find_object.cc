#include "cli/client/find_object.h"

#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/suggest.h"

namespace tepui::cli {

namespace {

std::unexpected<Error> ambiguous(std::string_view kind, std::span<const Candidate> candidates,
                                 const std::vector<std::size_t>& found, const std::string& wanted) {
    constexpr std::size_t shown_max = 5;
    std::vector<std::string> shown;
    for (const std::size_t index : found) {
        const Candidate& candidate = candidates[index];
        if (shown.size() == shown_max) {
            shown.emplace_back("...");
            break;
        }
        shown.push_back(candidate.name.empty()
                            ? candidate.id
                            : fmt::format("{} ({})", candidate.id, candidate.name));
    }
    return fail(Errc::conflict, "'{}' means {} {}s: {}", wanted, found.size(), kind,
                fmt::join(shown, ", "));
}

}  // namespace

Result<std::size_t> find_candidate(std::string_view kind, std::span<const Candidate> candidates,
                                   const std::string& wanted) {
    std::vector<std::size_t> begins;
    std::vector<std::size_t> named;
    std::vector<std::string> known;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (candidates[i].id == wanted) return i;
        if (candidates[i].id.starts_with(wanted)) begins.push_back(i);
        if (candidates[i].name == wanted) named.push_back(i);
        known.push_back(candidates[i].id);
        if (!candidates[i].name.empty()) known.push_back(candidates[i].name);
    }
    if (begins.size() == 1) return begins[0];
    if (named.size() == 1) return named[0];
    if (!named.empty()) return ambiguous(kind, candidates, named, wanted);
    if (!begins.empty()) return ambiguous(kind, candidates, begins, wanted);
    const auto near = nearest(wanted, known);
    return fail(Errc::not_found, "there is no {} '{}'{}", kind, wanted,
                near ? fmt::format("; did you mean '{}'?", *near) : "");
}

Result<mesos::v1::master::Response::GetAgents::Agent> find_agent(
    const mesos::v1::master::Response& answer, const std::string& wanted) {
    std::vector<Candidate> candidates;
    for (const auto& agent : answer.get_agents().agents()) {
        candidates.push_back({agent.agent_info().id().value(), agent.agent_info().hostname()});
    }
    const std::size_t index = TEPUI_TRY(find_candidate("agent", candidates, wanted));
    return answer.get_agents().agents(static_cast<int>(index));
}

Result<FoundFramework> find_framework(const mesos::v1::master::Response& answer,
                                      const std::string& wanted) {
    const auto& lists = answer.get_frameworks();
    const auto search = [&wanted](const auto& list) {
        std::vector<Candidate> candidates;
        for (const auto& framework : list) {
            candidates.push_back(
                {framework.framework_info().id().value(), framework.framework_info().name()});
        }
        return find_candidate("framework", candidates, wanted);
    };
    const auto alive = search(lists.frameworks());
    if (alive) return FoundFramework{lists.frameworks(static_cast<int>(*alive)), false};
    if (alive.error().code == Errc::conflict) return std::unexpected(alive.error());
    const auto completed = search(lists.completed_frameworks());
    if (completed) {
        return FoundFramework{lists.completed_frameworks(static_cast<int>(*completed)), true};
    }
    // A slip of the finger in a living one's name is the better hint.
    const bool hint = alive.error().text.find("did you mean") != std::string::npos;
    return std::unexpected(hint ? alive.error() : completed.error());
}

}  // namespace tepui::cli
