#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/oci/user_namespace.h"

namespace tepui::containerizer::oci {

/// A program that really made a container on this machine.
struct Runtime {
    std::string path;
    std::string warning;  // About its version; empty: none.
};

/// Where programs are looked for, whatever PATH this agent was started with.
std::string find_program(const std::string& name);

/// `wanted` (a name or a path), or crun and then runc when that is empty: the first that makes a
/// container which runs `program` (statically linked, ends with status 2 without arguments) and
/// ends. Works in `scratch`, which is made and removed. `cgroups_path`: of the trial's cgroup.
/// `ids`: of the user namespace that it is to have; null: none.
/// Fails with unavailable, saying for each what it answered.
Result<Runtime> find_runtime(const std::string& wanted, const std::string& program,
                             const std::string& scratch, const std::string& cgroups_path,
                             std::shared_ptr<const UserNamespace> ids = nullptr);

/// A copy of `program` in memory that nobody can change, to be executed by descriptor: a container
/// can't reach the file (CVE-2019-5736), and runc, which looks for such a copy, does not make one
/// of its ten megabytes at each start.
Result<Descriptor> seal_program(const std::string& program);

/// What to say about a runtime whose `--version` is this text: versions with known ways out of a
/// container. Source: the CVEs of docs/operate/containers.md.
std::string version_warning(std::string_view version_text);

}  // namespace tepui::containerizer::oci
