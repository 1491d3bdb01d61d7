#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer {

/// A user of this machine as the kernel needs it.
struct User {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;  // Supplementary ones, the primary included.
};

/// Looks `name` up in the machine's databases. Fails with not_found when there is no such user.
Result<User> find_user(const std::string& name);

/// While it lives, file access of the calling thread (and of no other) is that of `user`: what the
/// fetcher reads and writes, it reads and writes with the rights of who asked for it.
class FilesAs {
public:
    explicit FilesAs(const User* user);  // nullptr: nothing changes.
    FilesAs(const FilesAs&) = delete;
    FilesAs& operator=(const FilesAs&) = delete;
    ~FilesAs();
    /// Whether the kernel agreed.
    bool ok() const { return ok_; }

private:
    bool active_ = false;
    bool ok_ = true;
    std::vector<gid_t> groups_before_;
};

}  // namespace tepui::containerizer
