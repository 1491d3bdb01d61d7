// The containerizer's image store: opened when images are asked for, and what operators see of it.

#include <utility>

#include "containerizer/linux_containerizer.h"
#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer {

Result<void> LinuxContainerizer::open_images() {
    if (!options_.images.docker) return {};
    ImageOptions options = options_.images;
    if (options.store_dir.empty()) options.store_dir = options_.work_dir + "/store/docker";
    if (options.unpack_program.empty())
        options.unpack_program = unpack::program_beside(options_.shim_path);
    if (!options.log)
        options.log = [line = images_log_](const std::string& text) { line->write(text); };
    images_ = TEPUI_TRY(images::ImageStore::open(std::move(options)));
    return {};
}

Result<void> LinuxContainerizer::prune_images(const std::vector<std::string>& excluded) {
    return images_ ? images_->prune(excluded) : Containerizer::prune_images(excluded);
}

Result<std::string> LinuxContainerizer::pull_image(const std::string& name) {
    return images_ ? images_->prefetch(name) : Containerizer::pull_image(name);
}

ImageReport LinuxContainerizer::images() const { return images_ ? images_->list() : ImageReport{}; }

ImageStats LinuxContainerizer::image_stats() const {
    return images_ ? images_->stats() : ImageStats{};
}

}  // namespace tepui::containerizer
