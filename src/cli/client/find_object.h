#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

struct Candidate {
    std::string id;
    std::string name;  // May be empty.
};

/// The index of the one that a person means by `wanted`: that id; else the only id that begins so;
/// else the only one of that name. Fails with conflict naming the candidates, or with not_found.
/// `kind`: "agent", for the texts.
Result<std::size_t> find_candidate(std::string_view kind, std::span<const Candidate> candidates,
                                   const std::string& wanted);

/// An agent of a GET_AGENTS answer; its name is its host's.
Result<mesos::v1::master::Response::GetAgents::Agent> find_agent(
    const mesos::v1::master::Response& answer, const std::string& wanted);

struct FoundFramework {
    mesos::v1::master::Response::GetFrameworks::Framework framework;
    bool completed = false;
};
/// A framework of a GET_FRAMEWORKS answer; one that lives counts more than completed ones of the
/// same name.
Result<FoundFramework> find_framework(const mesos::v1::master::Response& answer,
                                      const std::string& wanted);

}  // namespace tepui::cli
