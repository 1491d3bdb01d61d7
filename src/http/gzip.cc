#include "http/gzip.h"

#include <algorithm>
#include <array>
#include <limits>

#include <zlib.h>

#include "base/assert.h"

namespace tepui::http {
namespace {

constexpr int gzip_window_bits = 15 + 16;  // zlib's way to say "gzip, 32 KiB window".

/// One thread's compressor: its 256 KiB of state are allocated once.
class Compressor {
public:
    Compressor() {
        TEPUI_ASSERT(
            deflateInit2(&stream_, 1, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    }
    ~Compressor() { deflateEnd(&stream_); }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    std::string run(std::string_view text) {
        TEPUI_ASSERT(deflateReset(&stream_) == Z_OK);
        std::string out(deflateBound(&stream_, text.size()), '\0');
        std::size_t written = 0;
        int rc = Z_OK;
        while (rc != Z_STREAM_END) {
            // zlib counts in 32 bits; a longer text goes through in parts.
            constexpr std::size_t part_max = std::size_t{1} << 30;
            const std::size_t part = std::min(text.size(), part_max);
            const std::size_t room = std::min(out.size() - written, part_max);
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
            stream_.avail_in = static_cast<uInt>(part);
            stream_.next_out = reinterpret_cast<Bytef*>(out.data() + written);
            stream_.avail_out = static_cast<uInt>(room);
            rc = deflate(&stream_, part == text.size() ? Z_FINISH : Z_NO_FLUSH);
            TEPUI_ASSERT(rc == Z_OK || rc == Z_STREAM_END);
            text.remove_prefix(part - stream_.avail_in);
            written += room - stream_.avail_out;
        }
        out.resize(written);
        return out;
    }

private:
    z_stream stream_{};
};

struct Inflater {
    z_stream stream{};
    bool ready = inflateInit2(&stream, gzip_window_bits) == Z_OK;
    Inflater() = default;
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() {
        if (ready) inflateEnd(&stream);
    }
};

}  // namespace

std::string gzip(std::string_view text) {
    thread_local Compressor compressor;
    return compressor.run(text);
}

Result<std::string> gunzip(std::string_view bytes, std::size_t bytes_max) {
    if (bytes.size() > std::numeric_limits<uInt>::max())
        return fail(Errc::too_large, "the gzip body has {} bytes", bytes.size());
    Inflater inflater;
    if (!inflater.ready) return fail(Errc::internal, "zlib has no memory");
    z_stream& stream = inflater.stream;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    std::string out;
    std::array<char, 32 * 1024> part;
    for (;;) {
        stream.next_out = reinterpret_cast<Bytef*>(part.data());
        stream.avail_out = static_cast<uInt>(part.size());
        const int rc = inflate(&stream, Z_NO_FLUSH);
        const std::size_t got = part.size() - stream.avail_out;
        if (out.size() + got > bytes_max)
            return fail(Errc::too_large, "the body has more than {} bytes when inflated",
                        bytes_max);
        out.append(part.data(), got);
        if (rc == Z_STREAM_END) break;
        // Z_BUF_ERROR: no progress, because the input ended early.
        if (rc != Z_OK) return fail(Errc::invalid_argument, "the body is not valid gzip");
    }
    if (stream.avail_in != 0)
        return fail(Errc::invalid_argument, "the body has bytes after its gzip end");
    return out;
}

}  // namespace tepui::http
