#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::oci {

/// The ids of a container with a user namespace: its ids 0, 1, ... are, outside, those from `uid`
/// and `gid` on.
struct IdMap {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t count = 0;
    bool operator==(const IdMap&) const = default;
};

/// Ids up to 65,535 are what images may use; "nobody" is 65,534.
inline constexpr std::uint32_t k_ids_min = 65'536;

/// What --userns_remap means: "UID:COUNT" are the ids from that one on, users' and groups' alike; a
/// name is a user with a range of its own in `subuid` and `subgid`, the texts of /etc/subuid and
/// /etc/subgid. Pure. Fails with invalid_argument or not_found, saying what is wrong with which.
Result<IdMap> parse_id_map(const std::string& wanted, std::string_view subuid,
                           std::string_view subgid);
/// The same with this machine's files.
Result<IdMap> read_id_map(const std::string& wanted);

/// Ids, and a user namespace that has them, for mounts that show files by them.
class UserNamespace {
public:
    static Result<std::shared_ptr<const UserNamespace>> make(const IdMap& ids);

    const IdMap& ids() const { return ids_; }
    /// Files of `tree`, a mount that is attached nowhere yet, belong there to the ids outside that
    /// the ids on the disk are in the container: what is root's on the disk is its root's. Fails
    /// with unsupported where the file system or the kernel can't (Linux before 5.12).
    Result<void> map(const Descriptor& tree, bool recursive) const;

private:
    UserNamespace(const IdMap& ids, Descriptor sample) : ids_(ids), sample_(std::move(sample)) {}

    IdMap ids_;
    Descriptor sample_;
};

/// Whether somebody who owns nothing may come to `path`: fails with denied, naming the first
/// directory on the way that does not let others pass.
Result<void> check_passable(const std::string& path);

}  // namespace tepui::containerizer::oci
