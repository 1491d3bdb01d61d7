#pragma once

#include <string>
#include <string_view>

namespace tepui::containerizer {

/// Where a container is in the tree of containers, as the file "nest" of its runtime directory
/// keeps it for a later agent. Written before its cgroup and its shim exist.
struct Nest {
    std::string parent;  // Name of the container it is nested in; empty: in none.
    std::string cgroup;  // Of its own, relative to the root; empty: it has none.

    bool operator==(const Nest&) const = default;
};

inline constexpr const char* k_nest_file = "nest";

/// "parent <name>" and "cgroup <path>", a line each; a container on its own has no such file.
std::string encode_nest(const Nest& nest);
/// The cgroup is the container's name when there is no text.
Nest parse_nest(std::string_view text, const std::string& name);

}  // namespace tepui::containerizer
