#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

namespace tepui::unlayer {

/// Why unpacking ends; caught in main.
struct Failure {
    const char* kind;  // As in protocol.h.
    std::string text;
};

[[noreturn]] void refuse(const char* kind, std::string text);
/// With errno's words.
[[noreturn]] void refuse_io(const std::string& text);

/// The parts of a name in an archive, without "." parts. Refuses absolute ones (unless `of_link`,
/// whose targets some programs write with the container's root in front), ".." and NUL.
std::vector<std::string> parts_of(std::string_view name, bool of_link);
std::string join(const std::vector<std::string>& parts, std::size_t count);

/// An open descriptor.
class Handle {
public:
    explicit Handle(int fd = -1) : fd_(fd) {}
    Handle(Handle&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Handle& operator=(Handle&& other) noexcept;
    ~Handle();
    int get() const { return fd_; }

private:
    int fd_;
};

/// The directory that is this process' root. Links in it are followed as a container with this root
/// would follow them: they never lead out of it.
class Tree {
public:
    Tree();

    /// The directory above the last of `parts`, made when it is missing. Valid until the next call.
    int parent_of(const std::vector<std::string>& parts);
    /// Opens `path` for reading; the last part may be no link. None (-1) when it is no directory.
    Handle open_directory(const std::string& path) const;
    /// Whether anything has this name.
    static bool find(int parent, const std::string& name, struct stat& found);
    /// Makes room for something that is no directory.
    static void remove(int parent, const std::string& name);
    /// Directories that parent_of() made where a whiteout was; they hide those beneath them.
    const std::vector<std::string>& uncovered() const { return uncovered_; }
    /// The directory's own names have changed: nothing remembered holds any more.
    void forget() { remembered_.clear(), remembered_path_ = "\n"; }

private:
    Handle make(const std::string& path, int depth);
    int try_open(const std::string& path, bool follow_last) const;

    Handle root_;
    std::vector<std::string> uncovered_;
    // Archives name the files of a directory one after the other.
    std::vector<Handle> remembered_;
    std::string remembered_path_ = "\n";
};

}  // namespace tepui::unlayer
