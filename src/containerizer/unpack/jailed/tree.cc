#include "containerizer/unpack/jailed/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/path_parts.h"
#include "containerizer/unpack/output.h"

namespace tepui::containerizer::unpack {
namespace {

constexpr int k_links_max = 8;  // Of those that lead to what does not exist yet.

/// Where the link `name` in the directory `above` leads, as a path from the root.
std::string link_target(int parent, const std::string& name, const std::string& above) {
    std::string text(PATH_MAX, 0);
    const ssize_t size = ::readlinkat(parent, name.c_str(), text.data(), text.size());
    if (size <= 0) refuse_io("cannot read the link '" + name + "'");
    text.resize(static_cast<std::size_t>(size));
    if (text.front() != '/') text.insert(0, above + "/");
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('/', begin), text.size());
        const std::string part = text.substr(begin, end - begin);
        if (part == ".." && !parts.empty()) parts.pop_back();
        if (!part.empty() && part != "." && part != "..") parts.push_back(part);
        begin = end + 1;
    }
    return join(parts, parts.size());
}

}  // namespace

void refuse(Errc code, std::string text) { throw Failure{{code, std::move(text)}}; }

void refuse_io(const std::string& text) { throw Failure{io_error(text)}; }

std::vector<std::string> parts_of(std::string_view name, bool of_link) {
    if (name.empty()) refuse(Errc::corrupt, "a name is empty");
    while (of_link && name.starts_with('/')) name.remove_prefix(1);
    if (name.empty()) return {};
    Result<std::vector<std::string>> parts = clean_path(name);
    if (!parts) refuse(Errc::denied, parts.error().text);
    for (const std::string& part : *parts)
        if (part.size() > NAME_MAX) refuse(Errc::corrupt, "a part of the name is too long");
    return std::move(*parts);
}

int Tree::try_open(const std::string& path, bool follow_last) const {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow_last ? 0 : O_NOFOLLOW);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how));
}

Descriptor Tree::open_directory(const std::string& path) const {
    return Descriptor(try_open(path, false));
}

bool Tree::find(int parent, const std::string& name, struct stat& found) {
    if (::fstatat(parent, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno != ENOENT) refuse_io("cannot look at '" + name + "'");
    return false;
}

void Tree::remove(int parent, const std::string& name) {
    if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return;
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0)
        refuse_io("cannot replace '" + name + "'");
}

Descriptor Tree::make(const std::string& path, int depth) {
    Descriptor opened(try_open(path, true));
    if (opened.get() >= 0) return opened;
    if (errno != ENOENT && errno != ENOTDIR) refuse_io("cannot open the directory '" + path + "'");
    if (depth == 0) refuse(Errc::denied, "'" + path + "' goes through too many links");
    const std::size_t slash = path.rfind('/');
    const std::string above = slash == std::string::npos ? "." : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    const Descriptor parent = above == "." ? Descriptor(try_open(".", true)) : make(above, depth);
    struct stat found{};
    if (!find(parent.get(), name, found)) {
        if (::mkdirat(parent.get(), name.c_str(), 0755) != 0)
            refuse_io("cannot make the directory '" + path + "'");
    } else if (S_ISLNK(found.st_mode)) {
        // To what is in a lower layer perhaps: made here, where the link leads.
        return make(link_target(parent.get(), name, above), depth - 1);
    } else if (!S_ISDIR(found.st_mode)) {
        // What an archive says later holds: a file (or a whiteout) becomes a directory.
        if (S_ISCHR(found.st_mode)) uncovered_.push_back(path);
        remove(parent.get(), name);
        if (::mkdirat(parent.get(), name.c_str(), 0755) != 0)
            refuse_io("cannot make the directory '" + path + "'");
    }
    Descriptor made(try_open(path, true));
    if (made.get() < 0) refuse_io("cannot open the directory '" + path + "'");
    return made;
}

int Tree::parent_of(const std::vector<std::string>& parts) {
    const std::string path = join(parts, parts.empty() ? 0 : parts.size() - 1);
    if (path != remembered_path_) {
        Descriptor opened = make(path, k_links_max);
        remembered_.clear();
        remembered_.push_back(std::move(opened));
        remembered_path_ = path;
    }
    return remembered_.front().get();
}

}  // namespace tepui::containerizer::unpack
