#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/images/image_store.h"

namespace tepui::containerizer::images {

/// What registries are asked for, as the value of an Accept header.
extern const char* const k_manifest_types;

/// Something that a manifest points at.
struct BlobRef {
    std::string digest;
    std::uint64_t size = 0;
    bool operator==(const BlobRef&) const = default;
};

/// The machine an image is for. Names as in Go: "linux", "amd64", variant "v7".
struct Platform {
    std::string os;
    std::string architecture;
    std::string variant;
    bool operator==(const Platform&) const = default;
};

/// This machine's platform by the machine name that uname(2) gives.
Platform platform_of(std::string_view machine);

/// One manifest: what its configuration and its layers are, lowest first.
struct Manifest {
    BlobRef config;
    std::vector<BlobRef> layers;
    bool operator==(const Manifest&) const = default;
};

/// Either a manifest, or the digest of the one for this platform.
struct Choice {
    std::optional<Manifest> manifest;
    BlobRef chosen;
};

/// Reads what a registry answered: an OCI image or index, or a Docker schema 2 manifest or list.
/// `media_type` is the answer's Content-Type; the document's own counts more. Fails with
/// unsupported on schema 1 and on what is no image, corrupt on what cannot be read, not_found when
/// the index has nothing for `platform` (the text lists what it has).
Result<Choice> read_manifest(std::string_view json, std::string_view media_type,
                             const Platform& platform);

/// An image's configuration file.
struct ConfigFile {
    ImageConfig config;
    Platform platform;
    std::vector<std::string> diff_ids;  // Digests of the uncompressed layers, lowest first.
};

Result<ConfigFile> read_config(std::string_view json);

/// Fails with unsupported when an image for `image` does not run on `machine`.
Result<void> check_platform(const Platform& image, const Platform& machine);

}  // namespace tepui::containerizer::images
