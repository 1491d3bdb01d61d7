#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <ranges>

#include "containerizer/beneath.h"
#include "containerizer/descriptor.h"
#include "containerizer/oci/provisioner.h"

namespace tepui::containerizer::oci {
namespace {

Result<Descriptor> open_directory(const std::string& path) {
    Descriptor directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return fail(Errc::io, "cannot open '{}': {}", path, errno_text());
    return directory;
}

std::string by_number(const Descriptor& directory) {
    return fmt::format("/proc/self/fd/{}", directory.get());
}

}  // namespace

Result<void> mount_overlay(const std::vector<std::string>& layers, const std::string& upper,
                           const std::string& work, const std::string& target) {
    std::vector<Descriptor> held;
    std::string options = "lowerdir=";
    for (const std::string& layer : std::views::reverse(layers)) {
        held.push_back(TEPUI_TRY(open_directory(layer)));
        if (held.size() > 1) options += ':';
        options += by_number(held.back());
    }
    const Descriptor upper_fd = TEPUI_TRY(open_directory(upper));
    const Descriptor work_fd = TEPUI_TRY(open_directory(work));
    options += fmt::format(",upperdir={},workdir={}", by_number(upper_fd), by_number(work_fd));
    if (::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) != 0)
        return fail(Errc::io, "cannot mount an overlay of {} layers on '{}': {}", layers.size(),
                    target, errno_text());
    return {};
}

Result<Backend> choose_backend(const std::string& name, const std::string& scratch,
                               const UserNamespace* ids) {
    if (name == "copy") return Backend::copy;
    if (!name.empty() && name != "overlay")
        return fail(Errc::invalid_argument,
                    "--image_provisioner_backend={}: this agent has overlay and copy", name);
    TEPUI_CHECK_OK(make_trusted_directory(scratch, 0700));
    TEPUI_CHECK_OK(make_trusted_directory(scratch + "/layers/1", 0755));
    TEPUI_CHECK_OK(make_trusted_directory(scratch + "/layers/2", 0755));
    const Provisioner probe(scratch, Backend::overlay);
    const Result<std::string> mounted =
        probe.provision("probe", {scratch + "/layers/1", scratch + "/layers/2"}, ids);
    (void)probe.remove("probe");
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
    if (mounted) return Backend::overlay;
    if (name == "overlay") return fail_with("--image_provisioner_backend=overlay", mounted.error());
    return Backend::copy;
}

}  // namespace tepui::containerizer::oci
