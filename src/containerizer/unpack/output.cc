#include "containerizer/unpack/output.h"

#include <fcntl.h>

#include "containerizer/beneath.h"

namespace tepui::containerizer::unpack {

Result<void> Budget::take(std::uint64_t count) {
    if (count > bytes_left) return fail(Errc::too_large, "{}", refusal);
    bytes_left -= count;
    return {};
}

Result<Place> make_place(int root_fd, const std::vector<std::string>& parts) {
    if (parts.empty()) return fail(Errc::invalid_argument, "it names the sandbox itself");
    Place place;
    place.name = parts.back();
    place.directory = TEPUI_TRY(make_directories_beneath(
        root_fd, std::vector<std::string>(parts.begin(), parts.end() - 1), 0755));
    return place;
}

Result<Descriptor> create_file(const Place& place, mode_t mode) {
    if (::unlinkat(place.directory.get(), place.name.c_str(), 0) != 0 && errno != ENOENT)
        return fail(Errc::io, "cannot replace '{}': {}", place.name, errno_text());
    return open_beneath(place.directory.get(), place.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
                        mode);
}

Error io_error(std::string_view what) {
    const int error = errno;
    return {error == EFBIG ? Errc::too_large : Errc::io,
            fmt::format("{}: {}", what, errno_text(error))};
}

Result<void> write_all(int fd, const char* bytes, std::size_t count) {
    while (count > 0) {
        const ssize_t wrote = ::write(fd, bytes, count);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return std::unexpected(io_error("cannot write"));
        bytes += wrote;
        count -= static_cast<std::size_t>(wrote);
    }
    return {};
}

}  // namespace tepui::containerizer::unpack
