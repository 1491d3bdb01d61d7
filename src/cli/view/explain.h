#pragma once

#include <string>

#include "cli/output/json_value.h"

// Pages of what the master's /tepui/explain answers: who stands where, what stands between whom,
// and what helps. All pure.
namespace tepui::cli {

std::string explain_role_page(const JsonValue& body, bool color);
std::string explain_framework_page(const JsonValue& body, bool color);
std::string explain_agent_page(const JsonValue& body, bool color);

}  // namespace tepui::cli
