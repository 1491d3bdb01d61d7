#pragma once

#include <cstdint>

namespace tepui::unlayer {

/// Makes descriptor UNLAYER_DIRECTORY_FD the root of this process and takes from it whatever
/// unpacking does not need: other descriptors, capabilities, memory beyond a limit, and the system
/// calls that open sockets, start programs, mount or trace. Returns what failed, or nullptr.
const char* enter_jail(std::uint64_t file_bytes_max);

}  // namespace tepui::unlayer
