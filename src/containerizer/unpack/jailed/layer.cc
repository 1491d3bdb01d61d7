#include "containerizer/unpack/jailed/layer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "containerizer/path_parts.h"
#include "containerizer/unpack/jailed/archive.h"
#include "containerizer/unpack/jailed/tree.h"

namespace tepui::containerizer::unpack {
namespace {

constexpr std::size_t k_block_bytes = 1 << 18;
// Of the headers of one entry, beside its data.
constexpr std::uint64_t k_header_bytes_max = 4096;
constexpr std::size_t k_opaque_bytes_max = std::size_t{16} << 20;
constexpr std::string_view k_too_large = "it unpacks to more bytes than are allowed";
constexpr std::string_view k_whiteout = ".wh.";
constexpr std::string_view k_opaque = ".wh..wh..opq";
constexpr std::string_view k_aufs = ".wh..wh.";  // Its own files; they mean nothing here.

[[noreturn]] void refuse_archive(archive* source) { throw Failure{archive_error(source)}; }

/// The bytes of the tar: decompressed, hashed and counted on their way to the second archive.
class Stream {
public:
    Stream(int fd, std::uint64_t bytes_max)
        : source_(new_archive()), hash_(EVP_MD_CTX_new(), EVP_MD_CTX_free), bytes_max_(bytes_max) {
        archive_read_support_format_raw(source_.get());
        archive_read_support_filter_gzip(source_.get());
        archive_read_support_filter_zstd(source_.get());
        archive_entry* entry = nullptr;
        if (archive_read_open_fd(source_.get(), fd, k_block_bytes) != ARCHIVE_OK ||
            archive_read_next_header(source_.get(), &entry) < ARCHIVE_WARN)
            refuse_archive(source_.get());
        if (EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr) != 1)
            refuse(Errc::io, "SHA-256 is not available");
    }

    /// 0 at the end, -1 on failure.
    la_ssize_t next(const void** bytes) {
        std::size_t count = 0;
        la_int64_t offset = 0;
        const int code = archive_read_data_block(source_.get(), bytes, &count, &offset);
        if (code == ARCHIVE_EOF) return 0;
        if (code < ARCHIVE_WARN) return -1;
        EVP_DigestUpdate(hash_.get(), *bytes, count);
        total_ += count;
        if (total_ > bytes_max_) return exceeded_ = true, -1;
        return static_cast<la_ssize_t>(count);
    }

    /// Ends all when next() failed, with why; what reads from here knows less.
    void check() {
        if (exceeded_) refuse(Errc::too_large, std::string(k_too_large));
        if (archive_errno(source_.get()) != 0) refuse_archive(source_.get());
    }

    /// Reads what is behind the tar's end, and returns the digest of all.
    std::string finish() {
        const void* bytes = nullptr;
        for (la_ssize_t count = 1; count != 0;) {
            count = next(&bytes);
            if (count >= 0) continue;
            check();
            refuse_archive(source_.get());
        }
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(hash_.get(), digest, &size);
        std::string hex;
        for (unsigned i = 0; i < size; ++i) {
            hex += "0123456789abcdef"[digest[i] >> 4];
            hex += "0123456789abcdef"[digest[i] & 15];
        }
        return hex;
    }

private:
    Archive source_;
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> hash_;
    const std::uint64_t bytes_max_;
    std::uint64_t total_ = 0;
    bool exceeded_ = false;
};

la_ssize_t read_stream(archive*, void* opaque, const void** bytes) {
    return static_cast<Stream*>(opaque)->next(bytes);
}

struct Times {
    std::string path;
    timespec both[2];
};

int open_child(int parent, const std::string& name, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
    how.mode = (flags & O_CREAT) != 0 ? 0600 : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    return static_cast<int>(::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how));
}

class Layer {
public:
    Layer(archive* source, Stream& stream, int directory_fd, const Limits& limits)
        : source_(source),
          stream_(stream),
          limits_(limits),
          tree_(directory_fd),
          budget_{limits.bytes_max, std::string(k_too_large)} {}

    void add(archive_entry* entry) {
        name_ = name_of(entry);
        if (++out_.entries > limits_.entries_max) refuse(Errc::too_large, "it has too many files");
        const std::vector<std::string> parts = parts_of(name_, false);
        if (parts.empty()) {
            if (archive_entry_filetype(entry) == AE_IFDIR) finish_directory(entry, ".");
            return;
        }
        if (parts.back().starts_with(k_whiteout)) return take_away(parts);
        if (const char* target = archive_entry_hardlink(entry)) return hard_link(parts, target);
        switch (archive_entry_filetype(entry)) {
            case AE_IFREG: return file(entry, parts);
            case AE_IFDIR: return directory(entry, parts);
            case AE_IFLNK: return symbolic_link(entry, parts);
            case AE_IFIFO: return pipe(entry, parts);
            case AE_IFCHR:
            case AE_IFBLK: ++out_.skipped; return;
            default: refuse(Errc::corrupt, "its type is unknown");
        }
    }

    /// A directory's times change with what is put into it.
    Unpacked finish() {
        for (auto it = times_.rbegin(); it != times_.rend(); ++it) {
            const Descriptor opened = tree_.open_directory(it->path);
            if (opened.get() < 0) continue;  // Something took its place since.
            ::futimens(opened.get(), it->both);
        }
        for (const std::string& path : tree_.uncovered()) mark_opaque(path);
        out_.bytes = limits_.bytes_max - budget_.bytes_left;
        out_.opaque.assign(opaque_.begin(), opaque_.end());
        return std::move(out_);
    }

    const std::string& name() const { return name_; }

private:
    void mark_opaque(const std::string& path) {
        if (!opaque_.insert(path).second) return;
        opaque_bytes_ += path.size();
        if (opaque_bytes_ > k_opaque_bytes_max)
            refuse(Errc::too_large, "too many of its directories hide others");
    }

    void take_away(const std::vector<std::string>& parts) {
        const std::string& marker = parts.back();
        if (marker == k_opaque) {
            (void)tree_.parent_of(parts);
            mark_opaque(join(parts, parts.size() - 1));
            return;
        }
        if (marker.starts_with(k_aufs)) return;
        const std::string gone = marker.substr(k_whiteout.size());
        if (gone.empty() || gone == "." || gone == "..")
            refuse(Errc::corrupt, "it takes away nothing that can be named");
        const int parent = tree_.parent_of(parts);
        struct stat found{};
        if (Tree::find(parent, gone, found)) {  // What this layer has stays: only those beneath go.
            if (S_ISDIR(found.st_mode)) {
                std::vector<std::string> kept = parts;
                kept.back() = gone;
                mark_opaque(join(kept, kept.size()));
            }
            return;
        }
        if (::mknodat(parent, gone.c_str(), S_IFCHR, 0) != 0) refuse_io("cannot make a whiteout");
    }

    void own(int fd, archive_entry* entry, mode_t mode) const {
        if (::fchown(fd, static_cast<uid_t>(archive_entry_uid(entry)),
                     static_cast<gid_t>(archive_entry_gid(entry))) != 0)
            refuse_io("cannot set its owner");
        if (::fchmod(fd, mode) != 0) refuse_io("cannot set its mode");
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
            const std::string_view kind(name);
            // What programs may do, and what users note. Others steer the kernel (overlay, ACLs of
            // this machine's users, labels of its policy).
            if (kind != "security.capability" && !kind.starts_with("user.")) continue;
            if (::fsetxattr(fd, name, value, size, 0) != 0 && errno != ENOTSUP)
                refuse_io("cannot set its attribute '" + std::string(kind) + "'");
        }
    }

    void finish_directory(archive_entry* entry, const std::string& path) {
        const Descriptor opened = tree_.open_directory(path);
        if (opened.get() < 0) refuse_io("cannot open the directory");
        own(opened.get(), entry, archive_entry_perm(entry) & 07777);
        times_.push_back({path, {time_of(entry), time_of(entry)}});
    }

    void directory(archive_entry* entry, const std::vector<std::string>& parts) {
        const int parent = tree_.parent_of(parts);
        const std::string path = join(parts, parts.size());
        struct stat found{};
        const bool exists = Tree::find(parent, parts.back(), found);
        if (exists && !S_ISDIR(found.st_mode)) {
            if (S_ISCHR(found.st_mode)) mark_opaque(path);  // It replaces what it took away.
            Tree::remove(parent, parts.back());
        }
        if ((!exists || !S_ISDIR(found.st_mode)) &&
            ::mkdirat(parent, parts.back().c_str(), 0755) != 0)
            refuse_io("cannot make the directory");
        // By the parent: the names above may go through links.
        const Descriptor opened(open_child(parent, parts.back(), O_RDONLY | O_DIRECTORY));
        if (opened.get() < 0) refuse_io("cannot open the directory");
        own(opened.get(), entry, archive_entry_perm(entry) & 07777);
        times_.push_back({path, {time_of(entry), time_of(entry)}});
    }

    void file(archive_entry* entry, const std::vector<std::string>& parts) {
        const int parent = tree_.parent_of(parts);
        constexpr std::uint64_t fresh = O_WRONLY | O_CREAT | O_EXCL;
        Descriptor made(open_child(parent, parts.back(), fresh));
        if (made.get() < 0 && errno == EEXIST) {
            Tree::remove(parent, parts.back());  // Never written into: it may have other names.
            made = Descriptor(open_child(parent, parts.back(), fresh));
        }
        if (made.get() < 0) refuse_io("cannot make the file");
        if (const Result<void> copied = copy_data(source_, made.get(), budget_, Holes::free);
            !copied) {
            stream_.check();
            throw Failure{copied.error()};
        }
        own(made.get(), entry, archive_entry_perm(entry) & 07777);
        const timespec times[2] = {time_of(entry), time_of(entry)};
        ::futimens(made.get(), times);
    }

    void symbolic_link(archive_entry* entry, const std::vector<std::string>& parts) {
        const std::string target = link_target_of(entry);
        if (target.empty()) refuse(Errc::corrupt, "it links to nothing");
        const int parent = tree_.parent_of(parts);
        const char* name = parts.back().c_str();
        Tree::remove(parent, parts.back());
        if (::symlinkat(target.c_str(), parent, name) != 0) refuse_io("cannot make the link");
        finish_at(parent, name, entry);
        tree_.forget();
    }

    void pipe(archive_entry* entry, const std::vector<std::string>& parts) {
        const int parent = tree_.parent_of(parts);
        Tree::remove(parent, parts.back());
        if (::mknodat(parent, parts.back().c_str(), S_IFIFO | (archive_entry_perm(entry) & 0777),
                      0) != 0)
            refuse_io("cannot make the pipe");
        finish_at(parent, parts.back().c_str(), entry);
    }

    static void finish_at(int parent, const char* name, archive_entry* entry) {
        if (::fchownat(parent, name, static_cast<uid_t>(archive_entry_uid(entry)),
                       static_cast<gid_t>(archive_entry_gid(entry)), AT_SYMLINK_NOFOLLOW) != 0)
            refuse_io("cannot set its owner");
        const timespec times[2] = {time_of(entry), time_of(entry)};
        ::utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
    }

    void hard_link(const std::vector<std::string>& parts, const char* target) {
        const std::vector<std::string> from = parts_of(target, true);
        if (from.empty()) refuse(Errc::denied, "it links to a directory");
        if (from == parts) return;
        // Both parents are open at once.
        const Descriptor source(::fcntl(tree_.parent_of(from), F_DUPFD_CLOEXEC, 0));
        struct stat found{};
        if (!Tree::find(source.get(), from.back(), found) || S_ISDIR(found.st_mode))
            refuse(Errc::denied,
                   "its target '" + std::string(target) + "' is no file of this layer");
        const int parent = tree_.parent_of(parts);
        Tree::remove(parent, parts.back());
        if (::linkat(source.get(), from.back().c_str(), parent, parts.back().c_str(), 0) != 0)
            refuse_io("cannot link to '" + std::string(target) + "'");
        if (S_ISLNK(found.st_mode)) tree_.forget();
    }

    archive* source_;
    Stream& stream_;
    const Limits limits_;
    Tree tree_;
    Budget budget_;
    Unpacked out_;
    std::string name_;
    std::set<std::string> opaque_;
    std::size_t opaque_bytes_ = 0;
    std::vector<Times> times_;
};

Unpacked unpack(int archive_fd, int directory_fd, const Limits& limits) {
    const std::uint64_t headers = limits.entries_max * k_header_bytes_max;
    Stream stream(archive_fd, limits.bytes_max + headers);
    const Archive tar = new_archive();
    archive_read_support_format_tar(tar.get());
    archive_read_support_format_empty(tar.get());
    const auto refuse_tar = [&] {
        stream.check();
        refuse_archive(tar.get());
    };
    if (archive_read_open(tar.get(), &stream, nullptr, read_stream, nullptr) != ARCHIVE_OK)
        refuse_tar();
    Layer layer(tar.get(), stream, directory_fd, limits);
    for (;;) {
        archive_entry* entry = nullptr;
        const int code = archive_read_next_header(tar.get(), &entry);
        if (code == ARCHIVE_EOF) break;
        if (code < ARCHIVE_WARN) refuse_tar();
        try {
            layer.add(entry);
        } catch (const Failure& failure) {
            refuse(failure.error.code, "entry '" + layer.name() + "': " + failure.error.text);
        }
    }
    Unpacked unpacked = layer.finish();
    unpacked.sha256 = stream.finish();
    // What is behind the compressed stream means nothing, but whoever sends it waits.
    static char rest[1 << 16];
    while (::read(archive_fd, rest, sizeof rest) > 0) continue;
    return unpacked;
}

}  // namespace

Result<Unpacked> unpack_layer(int archive_fd, int directory_fd, const Limits& limits) {
    try {
        return unpack(archive_fd, directory_fd, limits);
    } catch (const Failure& failure) {
        return std::unexpected(failure.error);
    }
}

}  // namespace tepui::containerizer::unpack
