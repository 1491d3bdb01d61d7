#include "containerizer/docker/log_frames.h"

#include <cctype>

#include <fmt/format.h>

#include "containerizer/docker/answers.h"

namespace tepui::containerizer::docker {
namespace {

constexpr std::size_t k_head_bytes = 8;

std::size_t length_of(std::string_view head) {
    std::size_t length = 0;
    for (std::size_t i = 4; i < k_head_bytes; ++i)
        length = length << 8 | static_cast<unsigned char>(head[i]);
    return length;
}

}  // namespace

Result<void> FrameCutter::feed(std::string_view bytes,
                               const std::function<void(const LogFrame&)>& told) {
    pending_.append(bytes);
    std::size_t begin = 0;
    while (pending_.size() - begin >= k_head_bytes) {
        const std::string_view rest = std::string_view(pending_).substr(begin);
        const std::size_t length = length_of(rest);
        if (rest[0] < 0 || rest[0] > 3 || rest[1] != 0 || rest[2] != 0 || rest[3] != 0 ||
            length > frame_bytes_max)
            return fail(Errc::io, "the Docker Engine's logs are not in frames");
        if (rest.size() < k_head_bytes + length) break;
        const std::string_view frame = rest.substr(k_head_bytes, length);
        if (rest[0] == 3) return fail(Errc::io, "the Docker Engine's logs: {}", frame);
        if (!timed_) {
            told({rest[0] == 2, {}, frame});
            begin += k_head_bytes + length;
            continue;
        }
        const std::size_t space = frame.find(' ');
        if (space == std::string_view::npos)
            return fail(Errc::io, "a line of the Docker Engine's logs has no time");
        told({rest[0] == 2, frame.substr(0, space), frame.substr(space + 1)});
        begin += k_head_bytes + length;
    }
    pending_.erase(0, begin);
    return {};
}

std::string since_text(std::string_view time, std::int64_t margin_s) {
    // "2026-11-23T02:28:59.490822276Z"
    const std::optional<double> seconds = time.size() == 30 && time[19] == '.'
                                              ? parse_time(std::string(time.substr(0, 19)) + "Z")
                                              : std::nullopt;
    if (!seconds) return "0";
    const std::string_view nanos = time.substr(20, 9);
    for (const char c : nanos)
        if (std::isdigit(static_cast<unsigned char>(c)) == 0) return "0";
    const std::int64_t whole = static_cast<std::int64_t>(*seconds) - margin_s;
    return whole <= 0 ? "0" : fmt::format("{}.{}", whole, nanos);
}

}  // namespace tepui::containerizer::docker
