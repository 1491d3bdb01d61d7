#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "containerizer/images/image_store.h"
#include "containerizer/images/prune_plan.h"
#include "containerizer/images/shelf.h"
#include "containerizer/images/source.h"
#include "containerizer/worker_pool.h"

namespace tepui::containerizer::images {

/// The ImageStore of this machine. Pulls run on threads of its own, so that one who stops waiting
/// takes nothing from the others; each layer is fetched by one of them.
class DiskStore final : public ImageStore {
public:
    static Result<std::shared_ptr<DiskStore>> make(ImageOptions options);
    ~DiskStore() override;

    Result<StoredImage> get(const ImageRequest& request, const std::atomic<bool>& cancelled,
                            const OnProgress& progress) override;
    Result<std::string> prefetch(const std::string& name) override;
    Result<StoredImage> pin(const std::string& digest, const std::string& holder) override;
    void unpin(const std::string& holder) override;
    void recovered() override;
    Result<void> prune(const std::vector<std::string>& excluded) override;
    ImageReport list() override;
    ImageStats stats() override;

private:
    /// One pull, and who waits for it.
    struct Pull {
        std::string key;  // Of pulls_.
        ImageName name;
        std::string canonical;
        std::string config;  // The task's credentials.
        std::atomic<bool> cancelled = false;
        std::atomic<std::uint64_t> layers = 0;
        std::atomic<std::uint64_t> layers_ready = 0;
        std::atomic<std::uint64_t> bytes = 0;
        std::atomic<std::uint64_t> bytes_done = 0;
        // With mutex_ held:
        std::size_t waiting = 0;
        bool ahead = false;  // Somebody asked for it without waiting: it counts as waiting too.
        std::multiset<std::string> holders;  // Of those who wait.
        std::set<std::string> leased;        // Layers that prune() leaves alone.
        std::optional<Result<StoredImage>> result;
    };
    using SharedPull = std::shared_ptr<Pull>;

    /// The layers of one pull that threads still work on.
    struct Batch {
        std::size_t left = 0;
        std::optional<Error> error;  // The first.
    };

    DiskStore(ImageOptions options, Shelf shelf, DefaultRegistry defaults, RegistryLogins logins,
              Platform platform);

    void use(const std::string& digest);
    std::optional<StoredImage> find(const std::string& name, const ImageRequest& request);
    std::optional<StoredImage> stored(const std::string& digest, const std::string& name);
    SharedPull join_pull(const std::string& key, const ImageName& name,
                         const std::string& canonical, const ImageRequest& request);
    Result<StoredImage> await_pull(const SharedPull& pull, const ImageRequest& request,
                                   const std::atomic<bool>& cancelled, const OnProgress& progress);

    // Pulling (disk_store_pull.cc), on threads of the pools.
    void run_pull(const SharedPull& pull);
    Result<StoredImage> try_pull(Pull& pull);
    Result<std::unique_ptr<ImageSource>> make_source(const Pull& pull, const std::string& scratch);
    Result<void> fetch_layers(Pull& pull, ImageSource& source, const ResolvedImage& image);
    Result<void> ensure_layer(Pull& pull, ImageSource& source, const LayerRef& layer,
                              const std::atomic<bool>& stop);
    Result<LayerRecord> fetch_layer(Pull& pull, ImageSource& source, const LayerRef& layer,
                                    const std::string& scratch, const std::atomic<bool>& stop);
    Result<StoredImage> keep_image(Pull& pull, const ResolvedImage& image);
    void log(const std::string& line) const;

    // Housekeeping, on a thread of its own.
    void keep_house();
    void make_durable();
    void collect_if_short();

    const ImageOptions options_;
    const Shelf shelf_;
    const DefaultRegistry defaults_;
    const RegistryLogins logins_;
    const Platform platform_;

    std::mutex mutex_;  // Of what follows; nothing slow is done with it held.
    std::condition_variable changed_;
    std::map<std::string, LayerRecord> layers_;
    std::map<std::string, ImageRecord> images_;
    std::map<std::string, NameRecord> names_;
    std::map<std::string, std::set<std::string>> pins_;  // Images by holder.
    std::map<std::string, SharedPull> pulls_;
    std::set<std::string> fetching_;  // Layers.
    // Digests of names with credentials that have got them from the registry; only in memory.
    std::set<std::string> admitted_;
    bool recovered_ = false;
    bool stopping_ = false;
    bool sync_wanted_ = false;
    std::map<std::string, std::string> failures_;  // Of pulls ahead, by name; some.
    ImageStats stats_;

    std::mutex prune_mutex_;  // One at a time; taken before mutex_.
    WorkerPool pullers_;
    WorkerPool fetchers_;
    std::jthread housekeeper_;
};

}  // namespace tepui::containerizer::images
