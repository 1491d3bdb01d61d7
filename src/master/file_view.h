#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace tepui::master {

/// The few files that a master shows, under virtual paths ("/master/log"). Nothing else on the disk
/// can be named through it: a path either is one of them or is not found.
class FileView {
public:
    /// A read gives at most this much, as Mesos' does.
    static constexpr std::uint64_t page_bytes_max = std::uint64_t{64} << 10;

    struct Page {
        std::uint64_t size = 0;  // Of the whole file.
        std::string data;
    };

    /// `real_path` may come to exist later and may be replaced (rotation).
    void attach(std::string virtual_path, std::string real_path);
    const std::map<std::string, std::string>& files() const { return files_; }
    bool contains(const std::string& virtual_path) const;

    /// Up to `length` bytes from `offset`; without data beyond the end. Fails with not_found when
    /// no such path is shown.
    Result<Page> read(const std::string& virtual_path, std::uint64_t offset,
                      std::optional<std::uint64_t> length) const;
    /// The whole file; too_large beyond 1 GiB.
    Result<std::string> read_all(const std::string& virtual_path) const;

private:
    std::map<std::string, std::string> files_;
};

}  // namespace tepui::master
