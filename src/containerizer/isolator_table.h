#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace tepui::containerizer {

/// What --isolation knows of a name of Mesos'; the docs' table is made of these.
struct IsolatorRow {
    std::string_view name;
    std::string_view gives;  // What a task has of it.
    std::string_view needs;  // Another isolator that must be named too; empty: none.
    bool needs_root = false;
    std::string_view refused;  // Why it is not taken; empty: it is.
};

/// Two that cannot be named together.
struct IsolatorContradiction {
    std::string_view one;
    std::string_view other;
    std::string_view why;
};

/// By name, those that are refused last.
std::vector<IsolatorRow> isolator_table();
std::span<const IsolatorContradiction> isolator_contradictions();

}  // namespace tepui::containerizer
