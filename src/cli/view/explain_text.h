#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output/json_value.h"
#include "resources/resources.h"

// Words that explanations and offers share. All pure.
namespace tepui::cli {

/// An object of names and numbers; null is empty.
Quantities read_amounts(const JsonValue* object);
/// "cpus:4;mem:512", as flags take it.
std::string flag_amounts(const Quantities& amounts);
/// "framework web (F1)"; without a name that is known: "framework F1".
std::string framework_text(const std::string& id, const std::string& name);
/// The command that takes back all offers of frameworks.
std::string rescind_command(const std::vector<std::string>& framework_ids);
/// "34 s", "5 min", "3 h", "2 days".
std::string span_text(double seconds);
/// As a shell takes it for one word, and a terminal for text.
std::string shell_word(const std::string& text);
/// "1 agent", "2 agents".
std::string count_text(double count, std::string_view noun);

}  // namespace tepui::cli
