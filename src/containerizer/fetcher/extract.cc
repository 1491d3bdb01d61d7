#include "containerizer/fetcher/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>

#include "containerizer/beneath.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr std::size_t k_block_bytes = 1 << 16;
constexpr std::uint64_t k_entries_max = 1'000'000;
// An empty file costs the disk as well.
constexpr std::uint64_t k_entry_bytes = 512;

using Archive = std::unique_ptr<archive, int (*)(archive*)>;

std::unexpected<Error> archive_error(archive* source) {
    const char* text = archive_error_string(source);
    return fail(Errc::corrupt, "the archive cannot be read: {}",
                text != nullptr ? text : "unknown error");
}

class Extraction {
public:
    Extraction(archive* source, int sandbox_fd, Budget& budget, const std::atomic<bool>& cancelled)
        : source_(source), sandbox_fd_(sandbox_fd), budget_(budget), cancelled_(cancelled) {}

    Result<void> run() {
        for (std::uint64_t count = 0;; ++count) {
            archive_entry* entry = nullptr;
            const int code = archive_read_next_header(source_, &entry);
            if (code == ARCHIVE_EOF) return {};
            if (code < ARCHIVE_WARN) return archive_error(source_);
            if (count == k_entries_max)
                return fail(Errc::too_large, "the archive has too many entries");
            const std::string name = name_of(entry);
            if (Result<void> done = extract(entry, name); !done)
                return fail_with("entry '" + name + "'", done.error());
        }
    }

    /// Copies the data of the current entry.
    Result<void> copy_data(int fd) {
        std::uint64_t end = 0;
        for (;;) {
            if (cancelled_.load()) return fail(Errc::cancelled, "the launch was cancelled");
            const void* bytes = nullptr;
            std::size_t count = 0;
            la_int64_t offset = 0;
            const int code = archive_read_data_block(source_, &bytes, &count, &offset);
            if (code == ARCHIVE_EOF) return {};
            if (code < ARCHIVE_WARN) return archive_error(source_);
            const std::uint64_t begin = static_cast<std::uint64_t>(offset);
            if (begin < end) return fail(Errc::corrupt, "its data overlaps");
            TEPUI_CHECK_OK(
                budget_.take(begin - end));  // A hole counts: the task would see its bytes.
            TEPUI_CHECK_OK(budget_.take(count));
            if (::lseek(fd, offset, SEEK_SET) < 0)
                return fail(Errc::io, "cannot seek: {}", errno_text());
            TEPUI_CHECK_OK(write_all(fd, static_cast<const char*>(bytes), count));
            end = begin + count;
        }
    }

private:
    static std::string name_of(archive_entry* entry) {
        const char* name = archive_entry_pathname(entry);
        if (name == nullptr) name = archive_entry_pathname_utf8(entry);
        return name == nullptr ? "" : name;
    }

    Result<void> extract(archive_entry* entry, const std::string& name) {
        const std::vector<std::string> parts = TEPUI_TRY(clean_path(name));
        const mode_t mode = archive_entry_perm(entry) & 0777;
        TEPUI_CHECK_OK(budget_.take(k_entry_bytes));
        if (parts.empty()) return {};  // "./"
        if (const char* target = archive_entry_hardlink(entry)) return hard_link(parts, target);
        switch (archive_entry_filetype(entry)) {
            case AE_IFDIR: return directory(parts, mode);
            case AE_IFLNK: return symbolic_link(parts, archive_entry_symlink(entry));
            case AE_IFREG: break;
            default: return fail(Errc::denied, "devices, pipes and sockets are not unpacked");
        }
        const Place place = TEPUI_TRY(make_place(sandbox_fd_, parts));
        const Descriptor file = TEPUI_TRY(create_file(place, 0600));
        TEPUI_CHECK_OK(copy_data(file.get()));
        return set_mode(file.get(), mode);
    }

    static Result<void> set_mode(int fd, mode_t mode) {
        if (::fchmod(fd, mode) == 0) return {};
        return fail(Errc::io, "cannot set its mode: {}", errno_text());
    }

    Result<void> directory(const std::vector<std::string>& parts, mode_t mode) {
        const Descriptor made = TEPUI_TRY(make_directories_beneath(sandbox_fd_, parts, 0755));
        return set_mode(made.get(), mode | 0700);  // What comes later must fit in.
    }

    /// The link itself may point anywhere, as the task could make it too; nothing here goes through
    /// it.
    Result<void> symbolic_link(const std::vector<std::string>& parts, const char* target) {
        if (target == nullptr || *target == 0) return fail(Errc::corrupt, "it links to nothing");
        const Place place = TEPUI_TRY(make_place(sandbox_fd_, parts));
        ::unlinkat(place.directory.get(), place.name.c_str(), 0);
        if (::symlinkat(target, place.directory.get(), place.name.c_str()) != 0)
            return fail(Errc::io, "cannot make the link: {}", errno_text());
        return {};
    }

    Result<void> hard_link(const std::vector<std::string>& parts, const char* target) {
        const std::vector<std::string> from = TEPUI_TRY(clean_path(target));
        const Place source = TEPUI_TRY(make_place(sandbox_fd_, from));
        const Place place = TEPUI_TRY(make_place(sandbox_fd_, parts));
        struct stat stat{};
        if (::fstatat(source.directory.get(), source.name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) !=
                0 ||
            !S_ISREG(stat.st_mode))
            return fail(Errc::denied, "its target '{}' is no file of the archive", target);
        ::unlinkat(place.directory.get(), place.name.c_str(), 0);
        if (::linkat(source.directory.get(), source.name.c_str(), place.directory.get(),
                     place.name.c_str(), 0) != 0)
            return fail(Errc::io, "cannot link to '{}': {}", target, errno_text());
        return {};
    }

    archive* source_;
    int sandbox_fd_;
    Budget& budget_;
    const std::atomic<bool>& cancelled_;
};

}  // namespace

Result<void> extract_archive(int archive_fd, int sandbox_fd, Budget& budget,
                             const std::atomic<bool>& cancelled) {
    const Archive source(archive_read_new(), archive_read_free);
    archive_read_support_format_tar(source.get());
    archive_read_support_format_zip(source.get());
    archive_read_support_filter_gzip(source.get());
    archive_read_support_filter_bzip2(source.get());
    archive_read_support_filter_xz(source.get());
    if (archive_read_open_fd(source.get(), archive_fd, k_block_bytes) != ARCHIVE_OK)
        return archive_error(source.get());
    return Extraction(source.get(), sandbox_fd, budget, cancelled).run();
}

Result<void> extract_gzip(int gzip_fd, int output_fd, Budget& budget,
                          const std::atomic<bool>& cancelled) {
    const Archive source(archive_read_new(), archive_read_free);
    archive_read_support_format_raw(source.get());
    archive_read_support_filter_gzip(source.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_fd(source.get(), gzip_fd, k_block_bytes) != ARCHIVE_OK ||
        archive_read_next_header(source.get(), &entry) < ARCHIVE_WARN ||
        archive_filter_code(source.get(), 0) != ARCHIVE_FILTER_GZIP)
        return fail(Errc::corrupt, "it is no gzip file");
    return Extraction(source.get(), -1, budget, cancelled).copy_data(output_fd);
}

}  // namespace tepui::containerizer::fetcher
