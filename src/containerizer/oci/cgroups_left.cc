#include "containerizer/oci/cgroups_left.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "containerizer/cgroups/hierarchies.h"
#include "containerizer/cgroups/roots.h"

namespace tepui::containerizer::oci {
void remove_cgroups(const std::string& path) {
    using namespace std::chrono_literals;
    for (const std::string& mount : cgroups::mount_points()) {
        const std::string directory = mount + path;
        // The kernel may still be letting go of the last process.
        for (int attempt = 0; attempt < 20; ++attempt) {
            if (::rmdir(directory.c_str()) == 0 || errno != EBUSY) break;
            std::this_thread::sleep_for(5ms);
        }
    }
}

void remove_parent_cgroups(const std::string& path, const std::vector<std::string>& kept) {
    const std::string parent = path.substr(0, path.rfind('/'));
    for (const std::string& mount : cgroups::mount_points()) {
        const std::string directory = mount + parent;
        if (std::ranges::find(kept, directory) == kept.end()) ::rmdir(directory.c_str());
    }
}

std::string devices_cgroup(const std::string& path) {
    const cgroups::Hierarchies hierarchies = cgroups::find_hierarchies();
    const auto found = hierarchies.mounts.find("devices");
    return found == hierarchies.mounts.end() || hierarchies.version == cgroups::Version::v2
               ? std::string()
               : found->second + path;
}

}  // namespace tepui::containerizer::oci
