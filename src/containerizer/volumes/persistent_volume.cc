#include "containerizer/volumes/persistent_volume.h"

#include <charconv>

namespace tepui::containerizer {
namespace {

constexpr std::size_t k_fields = 5;

void append(std::string& out, const std::string& field) {
    out += fmt::format("{}:{}", field.size(), field);
}

Result<std::string> take(std::string_view& rest) {
    std::size_t size = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    const auto digits = static_cast<std::size_t>(read.ptr - rest.data());
    if (read.ec != std::errc{} || digits == rest.size() || rest[digits] != ':' ||
        size > rest.size() - digits - 1)
        return fail(Errc::corrupt, "the record of a container's persistent volumes is damaged");
    std::string field(rest.substr(digits + 1, size));
    rest.remove_prefix(digits + 1 + size);
    return field;
}

}  // namespace

std::string encode_volumes(const PersistentVolumes& volumes) {
    std::string out;
    for (const PersistentVolume& volume : volumes) {
        append(out, volume.source);
        append(out, volume.container_path);
        append(out, volume.read_only ? "ro" : "rw");
        append(out, std::to_string(volume.bytes));
        append(out, volume.disk);
    }
    return out;
}

Result<PersistentVolumes> decode_volumes(const std::string& bytes) {
    PersistentVolumes volumes;
    for (std::string_view rest = bytes; !rest.empty();) {
        std::string fields[k_fields];
        for (std::string& field : fields) field = TEPUI_TRY(take(rest));
        PersistentVolume volume{fields[0], fields[1], fields[2] == "ro", 0, fields[4]};
        std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), volume.bytes);
        volumes.push_back(std::move(volume));
    }
    return volumes;
}

}  // namespace tepui::containerizer
