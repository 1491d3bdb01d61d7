#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "containerizer/containerizer.h"
#include "shim/protocol.h"

namespace tepui::containerizer {

/// What the shim wrote when its container ended.
struct Status {
    std::optional<std::int32_t> wait_status;
    std::optional<shim_stage> failed_stage;  // The task never ran.
    std::int32_t failed_errno = 0;
    std::string failed_what;  // The path or name that it failed on; may be empty.
    bool out_of_memory = false;
    std::uint64_t memory_limit_bytes = 0;
    std::uint64_t memory_peak_bytes = 0;
    std::string memory_stat;  // The lines of memory.stat.
};

/// Reads the text of a status file. Fails with corrupt when it is none.
Result<Status> parse_status(std::string_view text);

/// The end to tell: the wait status and, when memory ran out, the limit that was hit.
Exited to_exited(const Status& status);

/// Why the task never ran, for people; `about`: Status::failed_what.
std::string failure_text(shim_stage stage, std::int32_t error, const std::string& about = {});

}  // namespace tepui::containerizer
