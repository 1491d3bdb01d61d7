#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/options.h"
#include "cli/flags/flag.h"

namespace tepui::cli {

/// The agent's flags of what tasks may do: capabilities, system calls, shared namespaces.
std::vector<Flag> security_flags();
Result<void> read_security_flags(const Parsed& parsed, containerizer::SecurityOptions& options);

/// Mesos' CapabilityInfo in JSON, or names with commas between them; a bit for each.
Result<std::uint64_t> parse_capabilities(std::string_view text);

}  // namespace tepui::cli
