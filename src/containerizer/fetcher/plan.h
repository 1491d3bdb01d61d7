#pragma once

#include <string>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::fetcher {

enum class Source : std::uint8_t { local_file, http };

/// What to do with a fetched file that looks like an archive.
enum class Unpack : std::uint8_t { no, archive, gzip };

/// One URI, understood.
struct FetchPlan {
    Source source = Source::local_file;
    std::string from;    // A path of this machine or a URL.
    std::string output;  // Relative to the sandbox, clean of "..".
    bool executable = false;
    Unpack unpack = Unpack::no;

    bool operator==(const FetchPlan&) const = default;
};

/// Reads a URI: http, https, file://, an absolute path, or a path relative to `frameworks_home`.
/// `executable` wins over `extract`; archives are known by their suffix.
Result<FetchPlan> plan_fetch(const mesos::v1::CommandInfo::URI& uri,
                             const std::string& frameworks_home);

}  // namespace tepui::containerizer::fetcher
