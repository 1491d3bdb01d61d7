#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::unpack {

/// Bytes that one fetch or one extraction may still write.
struct Budget {
    std::uint64_t bytes_left = 0;
    std::string refusal = "it is larger than the agent allows";
    /// Takes `count`; fails with too_large and `refusal` when that is more than is left.
    Result<void> take(std::uint64_t count);
};

/// A place in a directory: the open directory that is its parent, and a name in it.
struct Place {
    Descriptor directory;
    std::string name;
};

/// Makes the directories above `parts` beneath `root_fd`. Fails when one of them is a link.
Result<Place> make_place(int root_fd, const std::vector<std::string>& parts);

/// Makes a new file, in place of whatever had its name: never written into what exists, which might
/// be a link to something else.
Result<Descriptor> create_file(const Place& place, mode_t mode);

/// `what` and why errno says so: io; too_large when the file met a limit.
Error io_error(std::string_view what);

/// Writes all of it.
Result<void> write_all(int fd, const char* bytes, std::size_t count);

}  // namespace tepui::containerizer::unpack
