#include "master/file_view.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tepui::master {
namespace {

class OpenFile {
public:
    explicit OpenFile(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {}
    ~OpenFile() {
        if (fd_ >= 0) ::close(fd_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    int fd() const { return fd_; }

private:
    const int fd_;
};

Result<std::string> read_range(int fd, std::uint64_t offset, std::uint64_t length) {
    std::string data(length, '\0');
    std::uint64_t filled = 0;
    while (filled < length) {
        const ssize_t count =
            ::pread(fd, data.data() + filled, length - filled, static_cast<off_t>(offset + filled));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(Errc::io, "reading: {}", std::strerror(errno));
        if (count == 0) break;
        filled += static_cast<std::uint64_t>(count);
    }
    data.resize(filled);
    return data;
}

}  // namespace

void FileView::attach(std::string virtual_path, std::string real_path) {
    files_.insert_or_assign(std::move(virtual_path), std::move(real_path));
}

bool FileView::contains(const std::string& virtual_path) const {
    return files_.contains(virtual_path);
}

Result<FileView::Page> FileView::read(const std::string& virtual_path, std::uint64_t offset,
                                      std::optional<std::uint64_t> length) const {
    const auto it = files_.find(virtual_path);
    if (it == files_.end()) return fail(Errc::not_found, "no file {}", virtual_path);
    const OpenFile file(it->second);
    struct stat status{};
    if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0)
        return fail(Errc::not_found, "{} cannot be opened: {}", virtual_path, std::strerror(errno));
    Page page;
    page.size = static_cast<std::uint64_t>(status.st_size);
    if (offset >= page.size) return page;
    const std::uint64_t wanted =
        std::min({length.value_or(page_bytes_max), page_bytes_max, page.size - offset});
    page.data = TEPUI_TRY(read_range(file.fd(), offset, wanted));
    return page;
}

Result<std::string> FileView::read_all(const std::string& virtual_path) const {
    constexpr std::uint64_t bytes_max = std::uint64_t{1} << 30;
    const auto it = files_.find(virtual_path);
    if (it == files_.end()) return fail(Errc::not_found, "no file {}", virtual_path);
    const OpenFile file(it->second);
    struct stat status{};
    if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0)
        return fail(Errc::not_found, "{} cannot be opened: {}", virtual_path, std::strerror(errno));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > bytes_max)
        return fail(Errc::too_large, "{} has {} bytes: read it in pages", virtual_path, size);
    return read_range(file.fd(), 0, size);
}

}  // namespace tepui::master
