#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::containerizer::docker {

/// What a container wrote in one go, as the Engine keeps it.
struct LogFrame {
    bool is_stderr = false;
    std::string_view time;  // RFC 3339 with nine digits of a second: texts compare as times do.
    std::string_view bytes;
};

/// Cuts the Engine's stream of logs (with timestamps) into frames. Source: Docker Engine API v1.41,
/// "Stream format": a byte for the stream, three zeros, four bytes of length in network order.
class FrameCutter {
public:
    static constexpr std::size_t frame_bytes_max = std::size_t{4} << 20;

    /// `timed`: each frame begins with its time, as in logs; else frames have none.
    explicit FrameCutter(bool timed) : timed_(timed) {}
    FrameCutter() = default;

    /// Tells each frame that is whole now. Fails with io on bytes that are no frames.
    Result<void> feed(std::string_view bytes, const std::function<void(const LogFrame&)>& told);

private:
    bool timed_ = true;
    std::string pending_;
};

/// `time` of a frame as the Engine's `since` ("seconds.nanoseconds"), `margin_s` earlier. "0" for a
/// text that is no time.
std::string since_text(std::string_view time, std::int64_t margin_s);

}  // namespace tepui::containerizer::docker
