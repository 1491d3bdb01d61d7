// How an image comes into the store.

#include <chrono>

#include "containerizer/images/digest.h"
#include "containerizer/images/disk_store.h"
#include "containerizer/images/unpacking.h"

namespace tepui::containerizer::images {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_durations_max = 1'000;
constexpr std::size_t k_failures_max = 64;
constexpr std::chrono::seconds k_between_lines{5};
constexpr std::chrono::milliseconds k_look_again{50};

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// A directory of the store's tmp/, gone at the end unless it was renamed.
class Scratch {
public:
    explicit Scratch(std::string path) : path_(std::move(path)) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { Shelf::discard(path_); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace

void DiskStore::run_pull(const SharedPull& pull) {
    const auto begin = Clock::now();
    log(fmt::format("pulling image '{}'", pull->canonical));
    Result<StoredImage> result = try_pull(*pull);
    if (!result) result = fail_with("cannot pull image '" + pull->canonical + "'", result.error());
    const double ms = ms_since(begin);
    if (result)
        log(fmt::format("pulled image '{}' ({}): {} layers, {} bytes in {:.0f} ms, {:.1f} MB/s",
                        pull->canonical, result->digest, pull->layers.load(),
                        pull->bytes_done.load(), ms,
                        static_cast<double>(pull->bytes_done.load()) / 1e3 / std::max(ms, 0.001)));
    else
        log(result.error().text);
    {
        const std::lock_guard lock(mutex_);
        if (result) {
            ++stats_.pulls_succeeded;
            stats_.pull_ms.push_back(ms);
            if (stats_.pull_ms.size() > k_durations_max)
                stats_.pull_ms.erase(stats_.pull_ms.begin());
            for (const std::string& holder : pull->holders) pins_[holder].insert(result->digest);
            if (!pull->holders.empty()) use(result->digest);
            sync_wanted_ = true;
        } else {
            ++stats_.pulls_failed;
            if (pull->ahead) {
                if (failures_.size() >= k_failures_max) failures_.erase(failures_.begin());
                failures_[pull->canonical] = result.error().text;
            }
        }
        pull->result = std::move(result);
        if (const auto found = pulls_.find(pull->key);
            found != pulls_.end() && found->second == pull)
            pulls_.erase(found);
    }
    changed_.notify_all();
}

Result<std::unique_ptr<ImageSource>> DiskStore::make_source(const Pull& pull,
                                                            const std::string& scratch) {
    if (pull.name.registry.empty())
        return make_archive_source(pull.name, defaults_.directory, scratch, platform_, options_);
    RegistryLogin login;
    if (const auto found = logins_.find(pull.name.registry); found != logins_.end())
        login = found->second;
    if (!pull.config.empty()) {
        const RegistryLogins own = TEPUI_TRY(parse_docker_config(pull.config));
        if (const auto found = own.find(pull.name.registry); found != own.end())
            login = found->second;
    }
    const std::string scheme = pull.name.registry == defaults_.host ? defaults_.scheme : "";
    return make_registry_source(pull.name, scheme, std::move(login), platform_, options_);
}

Result<StoredImage> DiskStore::try_pull(Pull& pull) {
    const Scratch scratch(TEPUI_TRY(shelf_.make_scratch()));
    const std::unique_ptr<ImageSource> source =
        TEPUI_TRY(make_source(pull, scratch.path() + "/fs"));
    const ResolvedImage image = TEPUI_TRY(source->resolve(pull.cancelled));
    {
        const std::lock_guard lock(mutex_);
        for (const LayerRef& layer : image.layers) pull.leased.insert(layer.blob.digest);
    }
    TEPUI_CHECK_OK(fetch_layers(pull, *source, image));
    return keep_image(pull, image);
}

Result<void> DiskStore::fetch_layers(Pull& pull, ImageSource& source, const ResolvedImage& image) {
    std::map<std::string, const LayerRef*> missing;
    {
        const std::lock_guard lock(mutex_);
        std::set<std::string> all;
        for (const LayerRef& layer : image.layers) {
            if (!all.insert(layer.blob.digest).second) continue;
            if (layers_.contains(layer.blob.digest) && shelf_.layer_exists(layer.blob.digest))
                continue;
            layers_.erase(layer.blob.digest);
            missing[layer.blob.digest] = &layer;
        }
        pull.layers = all.size();
        pull.layers_ready = all.size() - missing.size();
    }
    for (const auto& [digest, layer] : missing) pull.bytes += layer->blob.size;
    Batch batch{missing.size(), {}};
    std::atomic<bool> stop = false;
    for (const auto& [digest, layer] : missing)
        fetchers_.submit([&, layer = layer] {
            const Result<void> done =
                stop ? fail(Errc::cancelled, "") : ensure_layer(pull, source, *layer, stop);
            const std::lock_guard lock(mutex_);
            if (!done && !batch.error) {
                batch.error = done.error();
                stop = true;
            }
            --batch.left;
            changed_.notify_all();  // With the lock: the batch is gone when the waiter has seen it.
        });
    auto next_line = Clock::now() + k_between_lines;
    std::unique_lock lock(mutex_);
    while (batch.left > 0) {
        changed_.wait_for(lock, k_look_again);
        if (pull.cancelled) stop = true;
        if (Clock::now() < next_line) continue;
        next_line = Clock::now() + k_between_lines;
        log(fmt::format("pulling image '{}': layer {} of {}, {} of {} bytes", pull.canonical,
                        pull.layers_ready.load(), pull.layers.load(), pull.bytes_done.load(),
                        pull.bytes.load()));
    }
    if (pull.cancelled) return fail(Errc::cancelled, "nobody waits for it any more");
    if (batch.error) return std::unexpected(*batch.error);
    return {};
}

/// Fetches the layer, or waits for who does.
Result<void> DiskStore::ensure_layer(Pull& pull, ImageSource& source, const LayerRef& layer,
                                     const std::atomic<bool>& stop) {
    const std::string& digest = layer.blob.digest;
    {
        std::unique_lock lock(mutex_);
        while (fetching_.contains(digest) && !stop && !pull.cancelled)
            changed_.wait_for(lock, k_look_again);
        if (stop || pull.cancelled) return fail(Errc::cancelled, "the pull was cancelled");
        if (layers_.contains(digest)) {
            ++pull.layers_ready;
            pull.bytes_done += layer.blob.size;
            return {};
        }
        fetching_.insert(digest);
    }
    Result<LayerRecord> record = [&]() -> Result<LayerRecord> {
        const Scratch scratch(TEPUI_TRY(shelf_.make_scratch()));
        return fetch_layer(pull, source, layer, scratch.path(), stop);
    }();
    {
        const std::lock_guard lock(mutex_);
        fetching_.erase(digest);
        if (record) layers_[digest] = *record;
    }
    changed_.notify_all();
    if (!record) return fail_with("layer " + digest, record.error());
    ++pull.layers_ready;
    return {};
}

Result<LayerRecord> DiskStore::fetch_layer(Pull& pull, ImageSource& source, const LayerRef& layer,
                                           const std::string& scratch,
                                           const std::atomic<bool>& stop) {
    const std::string& digest = layer.blob.digest;
    Unpacking unpacking = TEPUI_TRY(
        Unpacking::start(options_.unpack_program, scratch + "/fs",
                         {unpacked_max(layer.blob.size, options_.bytes_max), options_.files_max,
                          options_.stall_timeout, [&] { return stop || pull.cancelled; }}));
    Sha256 hash;
    const BlobSink sink = [&](std::string_view bytes) -> Result<void> {
        if (stop || pull.cancelled) return fail(Errc::cancelled, "the pull was cancelled");
        pull.bytes_done += bytes.size();
        hash.add(bytes);
        return unpacking.write(bytes);
    };
    Result<void> sent = source.layer(layer.blob, sink, stop);
    if (!sent) return std::unexpected(sent.error());
    if (const std::string came = hash.digest(); came != digest)
        return fail(Errc::corrupt, "what came has the digest {}", came);
    const Unpacked unpacked = TEPUI_TRY(unpacking.finish());
    if (!layer.diff_id.empty() && unpacked.diff_id != layer.diff_id)
        return fail(Errc::corrupt, "it unpacks to {} and not to {}, as its image says",
                    unpacked.diff_id, layer.diff_id);
    if (unpacked.skipped > 0)
        log(fmt::format("layer {}: {} device nodes left out; containers have a /dev of their own",
                        digest, unpacked.skipped));
    const LayerRecord record{digest, unpacked.diff_id, unpacked.bytes, unpacked.files, false};
    TEPUI_CHECK_OK(shelf_.keep_layer(scratch, record));
    return record;
}

Result<StoredImage> DiskStore::keep_image(Pull& pull, const ResolvedImage& image) {
    ImageRecord record{image.digest, image.config_json, {}, 0, 0};
    for (const LayerRef& layer : image.layers) record.layers.push_back(layer.blob.digest);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    record.pulled_at = record.used_at = std::chrono::duration<double>(now).count();
    const NameRecord name{pull.canonical, image.digest, !pull.config.empty()};
    // One at a time with prune(): the files and the maps agree.
    const std::lock_guard lock(mutex_);
    TEPUI_CHECK_OK(shelf_.write(record));
    TEPUI_CHECK_OK(shelf_.write(name));
    images_[image.digest] = std::move(record);
    names_[pull.canonical] = name;
    if (!pull.config.empty()) admitted_.insert(digest_of(pull.key));
    std::optional<StoredImage> stored = this->stored(image.digest, pull.canonical);
    if (!stored) return fail(Errc::corrupt, "a layer vanished while the image was pulled");
    return *std::move(stored);
}

}  // namespace tepui::containerizer::images
