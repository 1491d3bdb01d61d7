#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::fetcher {

enum class Source : std::uint8_t {
    local_file,
    http,     // Also https.
    ftp,      // Also ftps.
    s3,       // s3://BUCKET/KEY
    hdfs,     // hdfs://HOST[:PORT]/PATH: the hadoop client where there is one, else WebHDFS.
    webhdfs,  // webhdfs://, or swebhdfs:// over TLS.
    hadoop,   // Any other scheme: what the hadoop client makes of it.
};

/// What to do with a fetched file that looks like an archive.
enum class Unpack : std::uint8_t { no, archive, gzip };

/// What the bytes must hash to: `URI#sha256=HEX`.
struct Checksum {
    std::string algorithm;  // sha256 or sha512
    std::string hex;        // Lower case.
    bool operator==(const Checksum&) const = default;
};

/// One URI, understood.
struct FetchPlan {
    Source source = Source::local_file;
    std::string from;    // A path of this machine, or the URI without its checksum.
    std::string output;  // Relative to the sandbox, clean of "..".
    bool executable = false;
    Unpack unpack = Unpack::no;
    bool cache = false;
    std::optional<Checksum> checksum = std::nullopt;

    bool operator==(const FetchPlan&) const = default;
};

/// Reads a URI: SCHEME://..., an absolute path, or a path relative to `frameworks_home`.
/// `executable` wins over `extract`; archives are known by their suffix. Files of this machine are
/// not cached: they are copied as fast as from a cache.
Result<FetchPlan> plan_fetch(const mesos::v1::CommandInfo::URI& uri,
                             const std::string& frameworks_home);

/// A URI for logs and errors: without user, password and query, and at most 512 bytes of it.
std::string display_uri(const std::string& uri);

/// The parts of SCHEME://[USER@]AUTHORITY/PATH; the scheme in lower case, the path with its slash.
struct UriParts {
    std::string scheme;
    std::string authority;
    std::string path;
};
Result<UriParts> split_uri(const std::string& uri);

}  // namespace tepui::containerizer::fetcher
