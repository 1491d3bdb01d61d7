#include <mutex>

#include "containerizer/images/source.h"

namespace tepui::containerizer::images {
namespace {

constexpr int k_indexes_max = 4;  // An index may point at another.

class RegistrySource final : public ImageSource {
public:
    RegistrySource(const ImageName& name, std::string scheme, RegistryLogin login,
                   const Platform& platform, const ImageOptions& options)
        : name_(name),
          platform_(platform),
          options_(options),
          client_(name, std::move(scheme), std::move(login), options) {}

    Result<ResolvedImage> resolve(const std::atomic<bool>& cancelled) override {
        std::unique_ptr<HttpSession> session = borrow();
        std::string reference = name_.digest.empty() ? name_.tag : name_.digest;
        for (int hop = 0; hop < k_indexes_max; ++hop) {
            const Document document = TEPUI_TRY(client_.manifest(*session, reference, cancelled));
            const Choice choice =
                TEPUI_TRY(read_manifest(document.json, document.media_type, platform_));
            if (!choice.manifest) {
                reference = choice.chosen.digest;
                continue;
            }
            std::string config =
                TEPUI_TRY(client_.small_blob(*session, choice.manifest->config, cancelled));
            give_back(std::move(session));
            return combine(document.digest, *choice.manifest, std::move(config), platform_);
        }
        return fail(Errc::corrupt, "its index only leads to other indexes");
    }

    Result<void> layer(const BlobRef& ref, const BlobSink& sink,
                       const std::atomic<bool>& cancelled) override {
        std::unique_ptr<HttpSession> session = borrow();
        Result<void> done = client_.blob(*session, ref, sink, cancelled);
        if (done) give_back(std::move(session));
        return done;
    }

private:
    std::unique_ptr<HttpSession> borrow() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty())
            return std::make_unique<HttpSession>(HttpLimits{.stall_timeout = options_.stall_timeout,
                                                            .link_local = options_.link_local});
        std::unique_ptr<HttpSession> session = std::move(idle_.back());
        idle_.pop_back();
        return session;
    }
    void give_back(std::unique_ptr<HttpSession> session) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(session));
    }

    const ImageName name_;
    const Platform platform_;
    const ImageOptions& options_;
    RegistryClient client_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<HttpSession>> idle_;
};

}  // namespace

std::unique_ptr<ImageSource> make_registry_source(const ImageName& name, std::string scheme,
                                                  RegistryLogin login, const Platform& platform,
                                                  const ImageOptions& options) {
    return std::make_unique<RegistrySource>(name, std::move(scheme), std::move(login), platform,
                                            options);
}

Result<ResolvedImage> combine(std::string digest, const Manifest& manifest, std::string config_json,
                              const Platform& platform) {
    ResolvedImage image;
    Result<ConfigFile> config = read_config(config_json);
    if (!config) return fail_with("its configuration", config.error());
    TEPUI_CHECK_OK(check_platform(config->platform, platform));
    if (config->diff_ids.size() != manifest.layers.size())
        return fail(Errc::corrupt, "its manifest has {} layers and its configuration {}",
                    manifest.layers.size(), config->diff_ids.size());
    image.digest = std::move(digest);
    image.config_json = std::move(config_json);
    for (std::size_t i = 0; i < manifest.layers.size(); ++i)
        image.layers.push_back({manifest.layers[i], config->diff_ids[i]});
    image.config = std::move(*config);
    return image;
}

}  // namespace tepui::containerizer::images
