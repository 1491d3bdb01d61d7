#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::containerizer::images {

/// An image's name, understood.
struct ImageName {
    std::string registry;    // "host[:port]" in lower case; "docker.io" for Docker Hub; empty:
                             // images come from a directory of archives.
    std::string repository;  // "library/busybox"
    std::string tag;         // Empty only when there is a digest.
    std::string digest;      // "sha256:" and 64 digits; empty: what the tag says.

    bool operator==(const ImageName&) const = default;
};

/// Where names without a registry lead.
struct DefaultRegistry {
    std::string host = "docker.io";  // As ImageName::registry; empty when there is a directory.
    std::string directory;           // Of archives, absolute; empty: none.
    std::string scheme;              // "http" or "https" when the flag says so, for `host`.
    bool operator==(const DefaultRegistry&) const = default;
};

/// Reads --docker_registry: "https://host[:port]", "host[:port]", or a directory as an absolute
/// path or a file:// URL.
Result<DefaultRegistry> parse_registry(std::string_view flag);

/// Reads `[registry[:port]/]repository[:tag][@sha256:...]`. The first part is a registry when it
/// contains "." or ":" or is "localhost". A name of one part at Docker Hub is in "library/";
/// without a tag and a digest the tag is "latest". With a default directory, a name without a
/// registry is that of an archive. Fails with invalid_argument, with the name in the text.
Result<ImageName> parse_image_name(std::string_view text, const DefaultRegistry& defaults);

/// "registry/repository:tag" or "registry/repository@digest", the same for all ways to write it. A
/// name that has both is known by its digest alone.
std::string canonical(const ImageName& name);

/// Whether `text` is "sha256:" and 64 hexadecimal digits in lower case.
bool is_digest(std::string_view text);

}  // namespace tepui::containerizer::images
