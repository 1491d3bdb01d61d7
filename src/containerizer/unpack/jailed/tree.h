#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::unpack {

/// Why the unpacking of a layer ends; caught where it began.
struct Failure {
    Error error;
};

[[noreturn]] void refuse(Errc code, std::string text);
/// With errno's words.
[[noreturn]] void refuse_io(const std::string& text);

/// The parts of a name in an archive, without "." parts. Refuses absolute ones (unless `of_link`,
/// whose targets some programs write with the container's root in front), ".." and NUL.
std::vector<std::string> parts_of(std::string_view name, bool of_link);

/// The directory that is this process' root. Links in it are followed as a container with this root
/// would follow them: they never lead out of it.
class Tree {
public:
    explicit Tree(int root_fd) : root_(root_fd) {}

    /// The directory above the last of `parts`, made when it is missing. Valid until the next call.
    int parent_of(const std::vector<std::string>& parts);
    /// Opens `path` for reading; the last part may be no link. None (-1) when it is no directory.
    Descriptor open_directory(const std::string& path) const;
    /// Whether anything has this name.
    static bool find(int parent, const std::string& name, struct stat& found);
    /// Makes room for something that is no directory.
    static void remove(int parent, const std::string& name);
    /// Directories that parent_of() made where a whiteout was; they hide those beneath them.
    const std::vector<std::string>& uncovered() const { return uncovered_; }
    /// The directory's own names have changed: nothing remembered holds any more.
    void forget() { remembered_.clear(), remembered_path_ = "\n"; }

private:
    Descriptor make(const std::string& path, int depth);
    int try_open(const std::string& path, bool follow_last) const;

    Descriptor root_;
    std::vector<std::string> uncovered_;
    // Archives name the files of a directory one after the other.
    std::vector<Descriptor> remembered_;
    std::string remembered_path_ = "\n";
};

}  // namespace tepui::containerizer::unpack
