#include "containerizer/images/disk_store.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "containerizer/images/digest.h"

namespace tepui::containerizer::images {
namespace {

constexpr std::size_t k_pullers = 4;
constexpr std::size_t k_pulls_max = 64;                // That one more may be asked for ahead.
constexpr std::chrono::milliseconds k_look_again{50};  // For a cancellation, which tells nobody.

}  // namespace

Result<std::shared_ptr<ImageStore>> ImageStore::open(ImageOptions options) {
    std::shared_ptr<ImageStore> store = TEPUI_TRY(DiskStore::make(std::move(options)));
    return store;
}

Result<std::shared_ptr<DiskStore>> DiskStore::make(ImageOptions options) {
    if (::geteuid() != 0)
        return fail(Errc::unsupported,
                    "images need root: their files have owners; start the agent as root or without "
                    "--image_providers");
    DefaultRegistry defaults = TEPUI_TRY(parse_registry(options.registry));
    RegistryLogins logins;
    if (!options.docker_config.empty())
        logins = TEPUI_TRY(parse_docker_config(options.docker_config));
    if (::access(options.unpack_program.c_str(), X_OK) != 0)
        return fail(Errc::invalid_argument, "the program '{}' cannot be executed: {}",
                    options.unpack_program, errno_text());
    Shelf shelf = TEPUI_TRY(Shelf::open(options.store_dir));
    utsname machine{};
    ::uname(&machine);
    std::shared_ptr<DiskStore> store(new DiskStore(std::move(options), std::move(shelf),
                                                   std::move(defaults), std::move(logins),
                                                   platform_of(machine.machine)));
    return store;
}

DiskStore::DiskStore(ImageOptions options, Shelf shelf, DefaultRegistry defaults,
                     RegistryLogins logins, Platform platform)
    : options_(std::move(options)),
      shelf_(std::move(shelf)),
      defaults_(std::move(defaults)),
      logins_(std::move(logins)),
      platform_(std::move(platform)),
      pullers_(k_pullers),
      fetchers_(std::max<std::uint32_t>(1, options_.downloads_max)) {
    shelf_.load(layers_, images_, names_);
    housekeeper_ = std::jthread([this] { keep_house(); });
}

DiskStore::~DiskStore() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (const auto& [key, pull] : pulls_) pull->cancelled = true;
    }
    changed_.notify_all();
    housekeeper_.join();
    pullers_.stop();  // While it still has fetchers, which it waits for.
    fetchers_.stop();
}

void DiskStore::log(const std::string& line) const {
    if (options_.log) options_.log(line);
}

/// With mutex_ held.
std::optional<StoredImage> DiskStore::stored(const std::string& digest, const std::string& name) {
    const auto found = images_.find(digest);
    if (found == images_.end()) return std::nullopt;
    StoredImage image{digest, name, {}, {}};
    for (const std::string& layer : found->second.layers) {
        if (!layers_.contains(layer)) return std::nullopt;
        if (!shelf_.layer_exists(layer)) {
            layers_.erase(layer);  // Somebody took it away: it is fetched again.
            return std::nullopt;
        }
        image.layers.push_back(shelf_.layer_path(layer));
    }
    Result<ConfigFile> config = read_config(found->second.config_json);
    if (!config) return std::nullopt;
    image.config = std::move(config->config);
    return image;
}

/// With mutex_ held: what a name meant when it was last looked up.
std::optional<StoredImage> DiskStore::find(const std::string& name, const ImageRequest& request) {
    const auto found = names_.find(name);
    if (found == names_.end()) return std::nullopt;
    // What one task could pull by its credentials is not for those who have none.
    if (request.config.empty() ? found->second.with_login
                               : !admitted_.contains(digest_of(name + "\n" + request.config)))
        return std::nullopt;
    return stored(found->second.digest, name);
}

Result<StoredImage> DiskStore::get(const ImageRequest& request, const std::atomic<bool>& cancelled,
                                   const OnProgress& progress) {
    const ImageName name = TEPUI_TRY(parse_image_name(request.name, defaults_));
    const std::string known_as = canonical(name);
    if (!request.config.empty()) TEPUI_TRY(parse_docker_config(request.config));
    SharedPull pull;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return fail(Errc::cancelled, "the agent ends");
        if (request.cached)
            if (std::optional<StoredImage> image = find(known_as, request)) {
                if (!request.holder.empty()) pins_[request.holder].insert(image->digest);
                if (!request.holder.empty()) use(image->digest);
                return *std::move(image);
            }
        pull = join_pull(known_as + "\n" + request.config, name, known_as, request);
    }
    return await_pull(pull, request, cancelled, progress);
}

/// With mutex_ held: a container has it, or had it until now.
void DiskStore::use(const std::string& digest) {
    const auto found = images_.find(digest);
    if (found == images_.end()) return;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    found->second.used_at = std::chrono::duration<double>(now).count();
    shelf_.touch_image(digest);
}

Result<std::string> DiskStore::prefetch(const std::string& wanted) {
    const ImageName name = TEPUI_TRY(parse_image_name(wanted, defaults_));
    const std::string known_as = canonical(name);
    ImageRequest request;
    request.name = wanted;
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(Errc::cancelled, "the agent ends");
    if (pulls_.size() >= k_pulls_max)
        return fail(Errc::unavailable, "{} images are being pulled already", pulls_.size());
    join_pull(known_as + "\n", name, known_as, request)->ahead = true;
    failures_.erase(known_as);
    return known_as;
}

/// With mutex_ held.
DiskStore::SharedPull DiskStore::join_pull(const std::string& key, const ImageName& name,
                                           const std::string& known_as,
                                           const ImageRequest& request) {
    SharedPull& pull = pulls_[key];
    if (!pull || pull->cancelled.load()) {  // One that nobody wanted any more ends by itself.
        pull = std::make_shared<Pull>();
        pull->key = key;
        pull->name = name;
        pull->canonical = known_as;
        pull->config = request.config;
        pullers_.submit([this, shared = pull] { run_pull(shared); });
    }
    ++pull->waiting;
    if (!request.holder.empty()) pull->holders.insert(request.holder);
    return pull;
}

Result<StoredImage> DiskStore::await_pull(const SharedPull& pull, const ImageRequest& request,
                                          const std::atomic<bool>& cancelled,
                                          const OnProgress& progress) {
    std::uint64_t told = 0;
    std::unique_lock lock(mutex_);
    while (!pull->result && !cancelled.load() && !stopping_) {
        changed_.wait_for(lock, k_look_again);
        const std::uint64_t done = pull->bytes_done.load() + pull->layers_ready.load();
        if (!progress || done == told) continue;
        told = done;
        lock.unlock();
        progress(
            {pull->canonical, pull->layers, pull->layers_ready, pull->bytes, pull->bytes_done});
        lock.lock();
    }
    if (const auto held = pull->holders.find(request.holder); held != pull->holders.end())
        pull->holders.erase(held);
    if (--pull->waiting == 0 && !pull->result) pull->cancelled = true;
    if (pull->result) return *pull->result;
    return fail(Errc::cancelled, "the pull of image '{}' was cancelled", pull->canonical);
}

Result<StoredImage> DiskStore::pin(const std::string& digest, const std::string& holder) {
    const std::lock_guard lock(mutex_);
    std::string known_as;
    for (const auto& [name, record] : names_)
        if (record.digest == digest) known_as = name;
    std::optional<StoredImage> image = stored(digest, known_as);
    if (!image) return fail(Errc::not_found, "the image store has no image '{}'", digest);
    pins_[holder].insert(digest);
    return *std::move(image);
}

void DiskStore::unpin(const std::string& holder) {
    const std::lock_guard lock(mutex_);
    const auto held = pins_.find(holder);
    if (held == pins_.end()) return;
    for (const std::string& digest : held->second) use(digest);
    pins_.erase(held);
}

void DiskStore::recovered() {
    {
        const std::lock_guard lock(mutex_);
        recovered_ = true;
    }
    changed_.notify_all();
}

Result<void> DiskStore::prune(const std::vector<std::string>& excluded) {
    std::set<std::string> kept;
    std::vector<std::string> names = excluded;
    if (options_.gc)
        names.insert(names.end(), options_.gc->excluded.begin(), options_.gc->excluded.end());
    for (const std::string& each : names)
        kept.insert(canonical(TEPUI_TRY(parse_image_name(each, defaults_))));
    const std::lock_guard one(prune_mutex_);
    std::vector<std::string> rubbish;
    std::uint64_t bytes = 0;
    PrunePlan plan;
    {
        const std::lock_guard lock(mutex_);
        if (!recovered_)
            return fail(Errc::unavailable, "the agent has not yet found its containers again");
        Inventory inventory;
        for (const auto& [name, record] : names_) inventory.names[name] = record.digest;
        for (const auto& [digest, record] : images_) inventory.images[digest] = record.layers;
        for (const auto& [digest, record] : layers_) inventory.layers.insert(digest);
        for (const auto& [holder, digests] : pins_)
            inventory.pinned.insert(digests.begin(), digests.end());
        for (const auto& [key, pull] : pulls_)
            inventory.leased.insert(pull->leased.begin(), pull->leased.end());
        plan = plan_prune(inventory, kept);
        for (const std::string& name : plan.names) {
            shelf_.remove_name(name);
            names_.erase(name);
        }
        for (const std::string& image : plan.images) {
            shelf_.remove_image(image);
            images_.erase(image);
        }
        for (const std::string& layer : plan.layers) {
            bytes += layers_[layer].bytes;
            rubbish.push_back(shelf_.unlink_layer(layer));
            layers_.erase(layer);
        }
    }
    for (const std::string& path : rubbish) Shelf::discard(path);
    log(fmt::format("images pruned: {} images and {} layers with {} bytes removed",
                    plan.images.size(), plan.layers.size(), bytes));
    return {};
}

ImageReport DiskStore::list() {
    const std::lock_guard lock(mutex_);
    ImageReport report;
    for (const auto& [digest, layer] : layers_) report.bytes += layer.bytes;
    std::map<std::string, std::size_t> owners;
    for (const auto& [digest, image] : images_)
        for (const std::string& layer : std::set(image.layers.begin(), image.layers.end()))
            ++owners[layer];
    for (const auto& [digest, image] : images_) {
        ImageSummary summary;
        summary.digest = digest;
        summary.layers = image.layers.size();
        summary.pulled_at = image.pulled_at;
        summary.used_at = image.used_at;
        for (const std::string& layer : image.layers)
            if (owners[layer] > 1) ++summary.layers_shared;
        for (const std::string& layer : image.layers)
            if (const auto found = layers_.find(layer); found != layers_.end()) {
                ++summary.layers_ready;
                summary.bytes += found->second.bytes;
            }
        summary.bytes_done = summary.bytes;
        for (const auto& [holder, digests] : pins_)
            if (digests.contains(digest)) summary.used_by.push_back(holder);
        bool named = false;
        for (const auto& [name, record] : names_) {
            if (record.digest != digest) continue;
            summary.name = name;
            report.images.push_back(summary);
            named = true;
        }
        if (!named) report.images.push_back(summary);  // Its tag means another now.
    }
    for (const auto& [key, pull] : pulls_) {
        ImageSummary summary;
        summary.name = pull->canonical;
        summary.layers = pull->layers;
        summary.layers_ready = pull->layers_ready;
        summary.bytes = pull->bytes;
        summary.bytes_done = pull->bytes_done;
        summary.pulling = true;
        report.images.push_back(std::move(summary));
    }
    for (const auto& [name, error] : failures_) {
        ImageSummary summary;
        summary.name = name;
        summary.error = error;
        report.images.push_back(std::move(summary));
    }
    return report;
}

ImageStats DiskStore::stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
}

void DiskStore::keep_house() {
    std::unique_lock lock(mutex_);
    const auto interval = options_.gc ? options_.gc->watch_interval : Duration(24h);
    auto due = std::chrono::steady_clock::now() + interval;
    while (!stopping_) {
        changed_.wait_until(lock, due, [&] { return stopping_ || sync_wanted_; });
        if (stopping_) return;
        const bool sync = std::exchange(sync_wanted_, false);
        const bool look = std::chrono::steady_clock::now() >= due;
        if (look) due = std::chrono::steady_clock::now() + interval;
        lock.unlock();
        if (sync) make_durable();
        if (look && options_.gc) collect_if_short();
        lock.lock();
    }
}

void DiskStore::make_durable() {
    std::vector<std::string> fresh;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [digest, layer] : layers_)
            if (!layer.durable) fresh.push_back(digest);
    }
    shelf_.sync();
    const std::lock_guard lock(mutex_);  // None is removed meanwhile.
    for (const std::string& digest : fresh) {
        const auto found = layers_.find(digest);
        if (found == layers_.end()) continue;
        shelf_.mark_durable(digest);
        found->second.durable = true;
    }
}

void DiskStore::collect_if_short() {
    struct statvfs disk{};
    if (::statvfs(shelf_.path().c_str(), &disk) != 0) return;
    if (!is_disk_short(disk.f_bavail, disk.f_blocks, options_.gc->disk_headroom)) return;
    log(fmt::format("less than {:.0f} % of the disk of the image store is free: pruning images",
                    options_.gc->disk_headroom * 100));
    if (const Result<void> pruned = prune({}); !pruned)
        log("images cannot be pruned: " + pruned.error().text);
}

}  // namespace tepui::containerizer::images
