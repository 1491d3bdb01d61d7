#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tepui::cli {

/// Insertions, deletions, replacements and swaps of neighbours that lead from one text to the
/// other.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate nearest to `wanted`, if it is near enough to be a slip of the finger: at most a
/// third of its length (and at least one) edits away, or beginning with what was typed.
std::optional<std::string> nearest(std::string_view wanted,
                                   std::span<const std::string> candidates);

}  // namespace tepui::cli
