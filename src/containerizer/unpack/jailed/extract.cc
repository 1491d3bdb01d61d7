#include "containerizer/unpack/jailed/extract.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include "containerizer/beneath.h"
#include "containerizer/unpack/jailed/archive.h"
#include "containerizer/unpack/output.h"

namespace tepui::containerizer::unpack {
namespace {

constexpr std::size_t k_block_bytes = 1 << 16;
// An empty file costs the disk as well.
constexpr std::uint64_t k_entry_bytes = 512;

class Extraction {
public:
    Extraction(archive* source, int root_fd, std::uint64_t entries_max, Budget& budget)
        : source_(source), root_fd_(root_fd), entries_max_(entries_max), budget_(budget) {}

    /// How many entries there were.
    Result<std::uint64_t> run() {
        for (std::uint64_t count = 0;; ++count) {
            archive_entry* entry = nullptr;
            const int code = archive_read_next_header(source_, &entry);
            if (code == ARCHIVE_EOF) return count;
            if (code < ARCHIVE_WARN) return std::unexpected(archive_error(source_));
            if (count == entries_max_)
                return fail(Errc::too_large, "the archive has more than {} entries", entries_max_);
            const std::string name = name_of(entry);
            if (Result<void> done = extract(entry, name); !done)
                return fail_with("entry '" + name + "'", done.error());
        }
    }

private:
    Result<void> extract(archive_entry* entry, const std::string& name) {
        const std::vector<std::string> parts = TEPUI_TRY(clean_path(name));
        TEPUI_CHECK_OK(budget_.take(k_entry_bytes));
        if (parts.empty()) return {};  // "./"
        if (const char* target = archive_entry_hardlink(entry)) return hard_link(parts, target);
        switch (archive_entry_filetype(entry)) {
            case AE_IFDIR: return directory(entry, parts);
            case AE_IFLNK: return symbolic_link(parts, link_target_of(entry));
            case AE_IFREG: break;
            default: return fail(Errc::denied, "devices, pipes and sockets are not unpacked");
        }
        const Place place = TEPUI_TRY(make_place(root_fd_, parts));
        const Descriptor file = TEPUI_TRY(create_file(place, 0600));
        TEPUI_CHECK_OK(copy_data(source_, file.get(), budget_, Holes::counted));
        return finish(entry, file.get());
    }

    static Result<void> finish(archive_entry* entry, int fd) {
        mode_t mode = archive_entry_perm(entry) & 0777;
        if (archive_entry_filetype(entry) == AE_IFDIR) mode |= 0700;  // What comes must fit in.
        if (::fchmod(fd, mode) != 0) return std::unexpected(io_error("cannot set its mode"));
        if (archive_entry_mtime_is_set(entry) == 0) return {};
        const std::array<timespec, 2> times{time_of(entry), time_of(entry)};
        ::futimens(fd, times.data());  // A time that the disk cannot hold is no reason to fail.
        return {};
    }

    Result<void> directory(archive_entry* entry, const std::vector<std::string>& parts) {
        const Descriptor made = TEPUI_TRY(make_directories_beneath(root_fd_, parts, 0755));
        return finish(entry, made.get());
    }

    /// The link itself may point anywhere, as the task could make it too; nothing here goes through
    /// it.
    Result<void> symbolic_link(const std::vector<std::string>& parts, const std::string& target) {
        if (target.empty()) return fail(Errc::corrupt, "it links to nothing");
        const Place place = TEPUI_TRY(make_place(root_fd_, parts));
        const int parent = place.directory.get();
        ::unlinkat(parent, place.name.c_str(), 0);
        if (::symlinkat(target.c_str(), parent, place.name.c_str()) != 0)
            return std::unexpected(io_error("cannot make the link"));
        return {};
    }

    Result<void> hard_link(const std::vector<std::string>& parts, const char* target) {
        const std::vector<std::string> from = TEPUI_TRY(clean_path(target));
        const Place source = TEPUI_TRY(make_place(root_fd_, from));
        const Place place = TEPUI_TRY(make_place(root_fd_, parts));
        if (from == parts) return {};  // It is there already.
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
    int root_fd_;
    std::uint64_t entries_max_;
    Budget& budget_;
};

Result<std::uint64_t> extract_archive(int archive_fd, int directory_fd, std::uint64_t entries_max,
                                      Budget& budget) {
    const Archive source = new_archive();
    archive_read_support_format_tar(source.get());
    archive_read_support_format_zip(source.get());
    archive_read_support_filter_gzip(source.get());
    archive_read_support_filter_bzip2(source.get());
    archive_read_support_filter_xz(source.get());
    archive_read_support_filter_zstd(source.get());
    if (archive_read_open_fd(source.get(), archive_fd, k_block_bytes) != ARCHIVE_OK)
        return std::unexpected(archive_error(source.get()));
    return Extraction(source.get(), directory_fd, entries_max, budget).run();
}

Result<std::uint64_t> extract_gzip(int gzip_fd, int directory_fd, const std::string& output,
                                   Budget& budget) {
    const Archive source = new_archive();
    archive_read_support_format_raw(source.get());
    archive_read_support_filter_gzip(source.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_fd(source.get(), gzip_fd, k_block_bytes) != ARCHIVE_OK ||
        archive_read_next_header(source.get(), &entry) < ARCHIVE_WARN ||
        archive_filter_code(source.get(), 0) != ARCHIVE_FILTER_GZIP)
        return fail(Errc::corrupt, "it is no gzip file");
    const Place place = TEPUI_TRY(make_place(directory_fd, TEPUI_TRY(clean_path(output))));
    const Descriptor file = TEPUI_TRY(create_file(place, 0644));
    TEPUI_CHECK_OK(copy_data(source.get(), file.get(), budget, Holes::counted));
    return std::uint64_t{1};
}

}  // namespace

Result<Unpacked> extract(int archive_fd, int directory_fd, Kind kind, const std::string& output,
                         const Limits& limits) {
    struct stat stat{};
    if (::fstat(archive_fd, &stat) != 0)
        return fail(Errc::io, "cannot look at the archive: {}", errno_text());
    const std::uint64_t size = static_cast<std::uint64_t>(stat.st_size);
    const std::uint64_t by_ratio =
        std::max(limits.ratio_free_bytes, size * std::max<std::uint64_t>(limits.ratio_max, 1));
    Budget budget{limits.bytes_max};
    if (by_ratio < limits.bytes_max)
        budget = {by_ratio, fmt::format("it unpacks to more than {} times the archive's {} bytes; "
                                        "fetch it with 'extract' false and let the task unpack it",
                                        limits.ratio_max, size)};
    const std::uint64_t before = budget.bytes_left;
    const std::uint64_t entries = TEPUI_TRY(
        kind == Kind::gzip ? extract_gzip(archive_fd, directory_fd, output, budget)
                           : extract_archive(archive_fd, directory_fd, limits.entries_max, budget));
    return Unpacked{.bytes = before - budget.bytes_left, .entries = entries};
}

}  // namespace tepui::containerizer::unpack
