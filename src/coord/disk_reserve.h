#pragma once

#include <cstdint>
#include <string>

namespace tepui::coord {

/// Bytes of a disk that are kept by a file until others have filled it: then they are given back,
/// for what has to be written even so.
class DiskReserve {
public:
    /// Nothing is kept with zero bytes. Best effort: a disk that is full already has no reserve.
    DiskReserve(std::string path, std::uint64_t bytes);

    /// Gives it back; true when there was any.
    bool release();
    /// Keeps it again, if it was given back and the disk has several times as much left.
    void refill();

private:
    void keep();

    const std::string path_;
    const std::uint64_t bytes_;
    bool kept_ = false;
};

}  // namespace tepui::coord
