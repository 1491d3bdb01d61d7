#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/options.h"
#include "cli/flags/flag.h"

namespace tepui::cli {

/// The agent's flags of cgroups, ports, GPUs and of what is offered beyond what it has.
std::vector<Flag> isolation_flags();
/// What those mean. Fails where two of them don't go together; each alone was checked before.
Result<void> read_isolation_flags(const Parsed& parsed, agent::AgentOptions& options);

/// "0x12" or "18"; at most 16 bits.
Result<std::uint16_t> parse_handle(std::string_view text);
/// "[31000-32000]", "31000-32000,80": ports, as --container_ports_isolated_range has them.
Result<std::vector<containerizer::NumberRange>> parse_port_ranges(std::string_view text);
/// Mesos' DeviceWhitelist in JSON.
Result<std::vector<containerizer::AllowedDevice>> parse_allowed_devices(std::string_view json);
/// "cpus:0.01|mem:32;disk:1": sets with | between them, each of terms with ; between them.
Result<std::vector<Quantities>> parse_min_allocatable(std::string_view text);

}  // namespace tepui::cli
