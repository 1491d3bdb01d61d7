#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/images/image_name.h"
#include "containerizer/images/manifest.h"
#include "containerizer/images/options.h"
#include "containerizer/images/registry_client.h"

namespace tepui::containerizer::images {

/// A layer of an image.
struct LayerRef {
    BlobRef blob;
    std::string diff_id;  // Digest of the uncompressed tar; empty: not known.
};

/// What a name means now.
struct ResolvedImage {
    std::string digest;       // Of the manifest for this platform.
    std::string config_json;  // Its configuration file.
    ConfigFile config;
    std::vector<LayerRef> layers;  // Lowest first.
};

/// Where one image comes from, for one pull. layer() may be called by several threads at once.
class ImageSource {
public:
    virtual ~ImageSource() = default;
    virtual Result<ResolvedImage> resolve(const std::atomic<bool>& cancelled) = 0;
    /// The layer's bytes as they are kept there; the caller verifies them.
    virtual Result<void> layer(const BlobRef& ref, const BlobSink& sink,
                               const std::atomic<bool>& cancelled) = 0;
};

/// A registry.
std::unique_ptr<ImageSource> make_registry_source(const ImageName& name, std::string scheme,
                                                  RegistryLogin login, const Platform& platform,
                                                  const ImageOptions& options);

/// The archive NAME.tar (or NAME:TAG.tar) in `directory`: what `docker save` writes, or an OCI
/// layout in a tar. It is unpacked into `scratch`, which the caller removes.
std::unique_ptr<ImageSource> make_archive_source(const ImageName& name,
                                                 const std::string& directory,
                                                 const std::string& scratch,
                                                 const Platform& platform,
                                                 const ImageOptions& options);

/// Puts a manifest and a configuration together: as many layers as digests of their content, and
/// for this machine.
Result<ResolvedImage> combine(std::string digest, const Manifest& manifest, std::string config_json,
                              const Platform& platform);

}  // namespace tepui::containerizer::images
