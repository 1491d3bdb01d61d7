#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "containerizer/images/options.h"

namespace tepui::containerizer::images {

/// What an image says about running it; as in the "config" of its configuration file.
struct ImageConfig {
    std::string user;              // "name", "uid", "name:group", "uid:gid"; empty: root.
    std::string working_dir;       // Empty: "/".
    std::vector<std::string> env;  // "NAME=value".
    std::vector<std::string> entrypoint;
    std::vector<std::string> cmd;
    std::vector<std::string> volumes;        // Absolute paths.
    std::vector<std::string> exposed_ports;  // "80/tcp".
    std::string stop_signal;                 // "SIGTERM", "15" or empty.
    std::map<std::string, std::string> labels;
    bool operator==(const ImageConfig&) const = default;
};

/// Which image, for whom.
struct ImageRequest {
    std::string name;    // [registry[:port]/]repository[:tag][@sha256:...], as the task gives it.
    bool cached = true;  // False: the registry is asked what the tag means now.
    std::string config;  // Credentials of its own: JSON as in ~/.docker/config.json, never kept.
    std::string holder;  // The image is pinned for this container (Isolated::name) when get()
                         // succeeds; empty: it is not pinned.
};

/// An image whose layers are all on this machine.
struct StoredImage {
    std::string digest;  // "sha256:...": what pin() takes. Of the manifest of this platform.
    std::string name;    // Canonical: "registry/repository:tag" or "...@sha256:...".
    /// Lowest first. Each is a directory ready as a lowerdir of overlay: what it removes is a
    /// character device 0/0, an opaque directory has the attribute trusted.overlay.opaque = "y".
    /// Shared by images: never written to.
    std::vector<std::string> layers;
    ImageConfig config;
};

/// How far a pull is; told from time to time on the thread that waits in get().
struct PullProgress {
    std::string name;
    std::uint64_t layers = 0;  // 0: not known yet.
    std::uint64_t layers_ready = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_done = 0;
};
using OnProgress = std::function<void(const PullProgress&)>;

/// Where lines of the log go once the daemon has one; any thread.
class LogLine {
public:
    void set(std::function<void(const std::string&)> log) {
        const std::lock_guard lock(mutex_);
        log_ = std::move(log);
    }
    void write(const std::string& line) {
        const std::lock_guard lock(mutex_);
        if (log_) log_(line);
    }

private:
    std::mutex mutex_;
    std::function<void(const std::string&)> log_;
};

/// The images of this machine: pulled from registries, unpacked and kept until nobody needs them.
/// All calls are safe from any thread. An image and a layer are fetched once, however many ask for
/// them at the same time.
class ImageStore {
public:
    /// Opens or makes the store in options.store_dir (set by then, as is unpack_program), and
    /// removes what an earlier one left half done. Only one process may use a directory: fails with
    /// conflict when another does.
    static Result<std::shared_ptr<ImageStore>> open(ImageOptions options);
    virtual ~ImageStore() = default;

    /// The image, from the store or pulled now. Blocks for as long as that takes; `cancelled` ends
    /// it soon. Errors: invalid_argument (the name), not_found, unauthenticated, denied (the
    /// registry's answer), corrupt (digests, archives), too_large, unavailable (after all
    /// attempts), cancelled.
    virtual Result<StoredImage> get(const ImageRequest& request, const std::atomic<bool>& cancelled,
                                    const OnProgress& progress) = 0;
    /// Begins to pull an image ahead, asking its registry what the name means now; list() tells how
    /// far it is and, until it is asked for again, why it failed. Returns its canonical name. Fails
    /// with invalid_argument (the name) and unavailable (too many at once).
    virtual Result<std::string> prefetch(const std::string& name) = 0;
    /// Holds the image for a container of an earlier agent, which knows its digest. Fails with
    /// not_found when the store has lost it.
    virtual Result<StoredImage> pin(const std::string& digest, const std::string& holder) = 0;
    /// The container is gone: lets go of all that it holds.
    virtual void unpin(const std::string& holder) = 0;
    /// All containers of earlier agents have been pinned. Before that nothing is removed.
    virtual void recovered() = 0;

    /// Removes every image but those pinned and those named in `excluded` or in the configuration;
    /// then every layer that no image has. Fails with unavailable before recovered().
    virtual Result<void> prune(const std::vector<std::string>& excluded) = 0;
    /// What is stored and what is being pulled.
    virtual ImageReport list() = 0;
    virtual ImageStats stats() = 0;
};

}  // namespace tepui::containerizer::images
