#pragma once

#include <string_view>
#include <vector>

#include "cli/flags/flag.h"
#include "cli/run/spec.h"

namespace tepui::cli {

/// The flags of `tepui run` that ask for a container of its own, in the manner of `docker run`.
std::vector<Flag> container_flags();

/// What those mean: the task's container, its check, and the ports it needs. Fails with
/// invalid_argument, naming the flag.
Result<void> read_container(const Parsed& parsed, RunSpec& spec);

/// "SOURCE:TARGET[:ro|rw]", both absolute, or the target alone for a directory in the sandbox.
Result<mesos::v1::Volume> parse_volume(std::string_view text);

/// "HOST:CONTAINER[/tcp|udp]".
Result<mesos::v1::NetworkInfo::PortMapping> parse_publish(std::string_view text);

/// The name of a need for one port of the host, as Needs has it.
std::string port_need(std::uint32_t port);
/// The port of such a name.
std::optional<std::uint32_t> needed_port(std::string_view name);

}  // namespace tepui::cli
