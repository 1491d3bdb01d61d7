#include "containerizer/cgroups/files.h"

#include <fcntl.h>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::cgroups {

std::string read_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    if (!file) return text;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

Result<void> write_file(const std::string& path, const std::string& value) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return fail(Errc::io, "cannot open '{}': {}", path, errno_text());
    if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
        return fail(Errc::io, "cannot write '{}' to '{}': {}", value, path, errno_text());
    return {};
}

}  // namespace tepui::containerizer::cgroups
