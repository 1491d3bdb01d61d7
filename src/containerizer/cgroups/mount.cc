#include "containerizer/cgroups/mount.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "containerizer/cgroups/files.h"

namespace tepui::containerizer::cgroups {

std::vector<std::string> mountable(std::string_view proc_cgroups,
                                   const std::vector<std::string>& wanted,
                                   const Hierarchies& hierarchies) {
    std::vector<std::string> found;
    if (hierarchies.version != Version::v1 || hierarchies.mounts.empty()) return found;
    std::istringstream lines{std::string(proc_cgroups)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);  // "name hierarchy cgroups enabled"
        std::string name;
        int hierarchy = -1;
        int count = 0;
        int enabled = 0;
        if (!(words >> name >> hierarchy >> count >> enabled)) continue;
        if (enabled == 0 || hierarchies.has(name)) continue;
        if (std::ranges::find(wanted, name) != wanted.end()) found.push_back(name);
    }
    return found;
}

void mount_missing(const std::vector<std::string>& isolation, Hierarchies& hierarchies) {
    std::vector<std::string> wanted;
    for (const std::string& name : isolation)
        if (name.starts_with("cgroups/")) wanted.push_back(name.substr(sizeof "cgroups/" - 1));
    for (const std::string& controller :
         mountable(read_file("/proc/cgroups"), wanted, hierarchies)) {
        const std::string& neighbour = hierarchies.mounts.begin()->second;
        const std::string point = neighbour.substr(0, neighbour.rfind('/')) + "/" + controller;
        const bool made = ::mkdir(point.c_str(), 0755) == 0;
        if (::mount("cgroup", point.c_str(), "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    controller.c_str()) == 0)
            hierarchies.mounts.emplace(controller, point);
        else if (made)
            ::rmdir(point.c_str());
    }
}

}  // namespace tepui::containerizer::cgroups
