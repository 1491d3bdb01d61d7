#include "containerizer/unpack/jailed/archive.h"

#include <unistd.h>

namespace tepui::containerizer::unpack {

Archive new_archive() { return {archive_read_new(), archive_read_free}; }

Error archive_error(archive* source) {
    if (archive_errno(source) == ENOMEM) return {Errc::too_large, "it needs too much memory"};
    const char* text = archive_error_string(source);
    return {Errc::corrupt, fmt::format("the archive cannot be read: {}",
                                       text != nullptr ? text : "unknown error")};
}

std::string name_of(archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    return name == nullptr ? "" : name;
}

std::string link_target_of(archive_entry* entry) {
    const char* target = archive_entry_symlink(entry);
    if (target == nullptr) target = archive_entry_symlink_utf8(entry);
    return target == nullptr ? "" : target;
}

timespec time_of(archive_entry* entry) {
    return {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

Result<void> copy_data(archive* source, int fd, Budget& budget, Holes holes) {
    std::uint64_t end = 0;
    for (;;) {
        const void* bytes = nullptr;
        std::size_t count = 0;
        la_int64_t offset = 0;
        const int code = archive_read_data_block(source, &bytes, &count, &offset);
        if (code < ARCHIVE_WARN) return std::unexpected(archive_error(source));
        const std::uint64_t begin = static_cast<std::uint64_t>(offset);
        if (code == ARCHIVE_EOF && begin <= end) break;
        if (begin < end) return fail(Errc::corrupt, "its data overlaps");
        // A hole counts where whoever reads the file is to see so many bytes at the most.
        if (holes == Holes::counted) TEPUI_CHECK_OK(budget.take(begin - end));
        end = begin;
        if (code == ARCHIVE_EOF) break;
        TEPUI_CHECK_OK(budget.take(count));
        if (::lseek(fd, offset, SEEK_SET) < 0) return std::unexpected(io_error("cannot seek"));
        TEPUI_CHECK_OK(write_all(fd, static_cast<const char*>(bytes), count));
        end = begin + count;
    }
    // A hole at the end.
    if (::ftruncate(fd, static_cast<off_t>(end)) != 0)
        return std::unexpected(io_error("cannot set its size"));
    return {};
}

}  // namespace tepui::containerizer::unpack
