#include "containerizer/user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {

Result<User> find_user(const std::string& name) {
    std::vector<char> buffer(4096);
    passwd entry{};
    passwd* found = nullptr;
    int error = 0;
    while ((error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) ==
           ERANGE)
        buffer.resize(buffer.size() * 2);
    if (found == nullptr && error != 0 && error != ENOENT && error != ESRCH)
        return fail(Errc::io, "cannot look user '{}' up: {}", name, errno_text(error));
    if (found == nullptr) return fail(Errc::not_found, "no such user '{}'", name);
    User user{name, entry.pw_uid, entry.pw_gid, std::vector<gid_t>(32)};
    int count = static_cast<int>(user.groups.size());
    while (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0)
        user.groups.resize(static_cast<std::size_t>(count));
    user.groups.resize(static_cast<std::size_t>(count));
    return user;
}

// The raw system calls, because libc's set the ids of all threads.
FilesAs::FilesAs(const User* user) {
    if (user == nullptr || user->uid == ::geteuid()) return;
    active_ = true;
    const int count = ::getgroups(0, nullptr);
    groups_before_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (!groups_before_.empty())
        ::getgroups(static_cast<int>(groups_before_.size()), groups_before_.data());
    ok_ = ::syscall(SYS_setgroups, user->groups.size(), user->groups.data()) == 0;
    ::syscall(SYS_setfsgid, user->gid);
    ::syscall(SYS_setfsuid, user->uid);
    // setfsuid answers the id before; asking with an impossible id tells what holds now.
    ok_ = ok_ && static_cast<uid_t>(::syscall(SYS_setfsuid, -1)) == user->uid &&
          static_cast<gid_t>(::syscall(SYS_setfsgid, -1)) == user->gid;
}

FilesAs::~FilesAs() {
    if (!active_) return;
    ::syscall(SYS_setfsuid, ::geteuid());
    ::syscall(SYS_setfsgid, ::getegid());
    ::syscall(SYS_setgroups, groups_before_.size(), groups_before_.data());
    TEPUI_ASSERT_WHY(static_cast<uid_t>(::syscall(SYS_setfsuid, -1)) == ::geteuid(),
                     "a worker must not go on with a task's user");
}

}  // namespace tepui::containerizer
