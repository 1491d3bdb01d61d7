#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace tepui::containerizer {

/// When images are removed by themselves (--image_gc_config). Source of the defaults: Apache Mesos
/// 1.12-dev, ImageGcConfig.
struct ImageGcOptions {
    double disk_headroom = 0.1;  // Of the file system, kept free by removing images.
    Duration watch_interval = 1h;
    std::vector<std::string> excluded;  // Names of images that are never removed.
    bool operator==(const ImageGcOptions&) const = default;
};

/// The image store's part of Options.
struct ImageOptions {
    bool docker = false;    // --image_providers names DOCKER: there is a store.
    std::string store_dir;  // Absolute; empty: work_dir/store/docker.
    std::string registry = "https://registry-1.docker.io";  // Or a directory of archives.
    std::string docker_config;                     // JSON text, as in ~/.docker/config.json.
    std::vector<std::string> insecure_registries;  // "host[:port]": plain HTTP, besides loopback.
    std::optional<ImageGcOptions> gc;              // Absent: only prune() removes.
    std::string unpack_program;  // The tepui-unpack program; empty: beside the shim.

    std::uint64_t bytes_max = std::uint64_t{64} << 30;  // Of one layer, unpacked.
    std::uint64_t files_max = 2'000'000;                // Of one layer.
    std::uint32_t downloads_max = 4;                    // Layers at once, of all images together.
    std::uint32_t attempts_max = 6;                     // Of one request.
    Duration stall_timeout = 60s;  // Below one byte a second for this long ends an attempt.
    Duration backoff_min = 500ms;  // Doubles from attempt to attempt.
    Duration backoff_max = 30s;    // Also what Retry-After is cut to.
    bool link_local = false;       // Metadata services live at link-local addresses: refused.

    std::function<void(const std::string&)> log;  // A line; any thread. Empty: nothing is logged.
};

/// Counted since the start.
struct ImageStats {
    std::uint64_t pulls_succeeded = 0;
    std::uint64_t pulls_failed = 0;
    std::vector<double> pull_ms;  // Of the newest pulls, in their order; at most 1,000.
};

/// One image in the store, or on its way into it.
struct ImageSummary {
    std::string name;                  // As canonical(): "registry/repository:tag".
    std::string digest;                // Of its manifest; empty while that is not known.
    std::uint64_t layers = 0;          // All of them, those that others share included.
    std::uint64_t layers_ready = 0;    // Less than `layers` only while it is pulled.
    std::uint64_t bytes = 0;           // On disk; while it is pulled: that the download has.
    std::uint64_t bytes_done = 0;      // Of those, downloaded.
    std::vector<std::string> used_by;  // Names of containers.
    bool pulling = false;
    double pulled_at = 0;  // Seconds since the epoch; 0 while it is pulled.
    double used_at = 0;    // When a container had it last; of one that none had: pulled_at.
    std::uint64_t layers_shared = 0;  // Of `layers`, those that another image has too.
    std::string error;  // Of a pull that was asked for ahead and failed; empty: it did not.
};

/// What the store holds.
struct ImageReport {
    std::vector<ImageSummary> images;
    std::uint64_t bytes = 0;  // Of all layers, each counted once.
};

}  // namespace tepui::containerizer
