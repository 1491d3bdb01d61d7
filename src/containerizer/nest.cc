#include "containerizer/nest.h"

#include <algorithm>

#include <fmt/format.h>

namespace tepui::containerizer {

std::string encode_nest(const Nest& nest) {
    return fmt::format("parent {}\ncgroup {}\n", nest.parent, nest.cgroup);
}

Nest parse_nest(std::string_view text, const std::string& name) {
    Nest nest;
    if (text.empty()) nest.cgroup = name;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with("parent ")) nest.parent = line.substr(7);
        if (line.starts_with("cgroup ")) nest.cgroup = line.substr(7);
    }
    return nest;
}

}  // namespace tepui::containerizer
