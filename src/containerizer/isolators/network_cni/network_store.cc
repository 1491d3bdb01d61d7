#include "containerizer/isolators/network_cni/network_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/network_cni/network_namespace.h"

namespace tepui::containerizer::cni {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_fresh = ".new";
constexpr std::string_view k_space = ".ns";
constexpr std::chrono::seconds k_lock_max{60};
constexpr std::chrono::milliseconds k_lock_look{20};

}  // namespace

std::string network_dir(const std::string& runtime_dir) { return runtime_dir + "/net"; }

std::string real_network_dir(const std::string& runtime_dir) {
    const std::string path = network_dir(runtime_dir);
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (fs::is_directory(status)) return path;
    if (!fs::is_symlink(status)) return {};
    // Links of links are not made.
    const fs::path target = fs::read_symlink(path, error);
    return error ? std::string() : target.string();
}

Result<void> write_whole(const std::string& path, const std::string& text) {
    const std::string fresh = path + std::string(k_fresh);
    {
        const Descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!file ||
            ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            return fail(Errc::io, "cannot write '{}': {}", fresh, errno_text());
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0)
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

Result<Descriptor> lock_networks(const std::string& directory) {
    const std::string path = directory + "/lock";
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return fail(Errc::io, "cannot open '{}': {}", path, errno_text());
    const auto deadline = std::chrono::steady_clock::now() + k_lock_max;
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(Errc::io, "cannot lock '{}': {}", path, errno_text());
        if (std::chrono::steady_clock::now() >= deadline) break;
        std::this_thread::sleep_for(k_lock_look);
    }
    return file;
}

std::optional<ContainerNetworks> read_networks(const std::string& state_path) {
    const std::string text = cgroups::read_file(state_path);
    if (text.empty()) return std::nullopt;
    Result<ContainerNetworks> networks = decode(text);
    if (!networks) return std::nullopt;
    return std::move(*networks);
}

Result<void> Leftovers::keep(const ContainerNetworks& networks) const {
    TEPUI_TRY(make_trusted_directory(directory_, 0700));
    return write_whole(path_of(networks.container), encode(networks));
}

Result<void> Leftovers::keep(const ContainerNetworks& networks, const std::string& space) const {
    TEPUI_CHECK_OK(keep(networks));
    const std::string path = space_of(networks.container);
    if (is_kept(path)) return {};
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0400));
    if (!file || ::mount(space.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return fail(Errc::io, "cannot keep the network namespace at '{}': {}", path, errno_text());
    return {};
}

std::string Leftovers::space_of(const std::string& container) const {
    return path_of(container) + std::string(k_space);
}

void Leftovers::drop(const std::string& container) const {
    (void)remove_network_namespace(space_of(container));
    ::unlink(path_of(container).c_str());
}

std::vector<ContainerNetworks> Leftovers::all() const {
    std::vector<ContainerNetworks> found;
    std::error_code error;
    for (fs::directory_iterator it(directory_, error), end; !error && it != end;
         it.increment(error)) {
        if (it->path().extension() == k_fresh || it->path().extension() == k_space) continue;
        if (auto networks = read_networks(it->path().string()))
            found.push_back(std::move(*networks));
    }
    return found;
}

}  // namespace tepui::containerizer::cni
