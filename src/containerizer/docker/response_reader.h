#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::containerizer::docker {

/// Reads one answer of HTTP/1.1 from bytes that come in any pieces; no I/O. Bytes of a peer that
/// does not speak it are an error, never more than that.
class ResponseReader {
public:
    static constexpr std::size_t head_bytes_max = std::size_t{64} << 10;
    static constexpr std::size_t chunk_line_bytes_max = 1024;

    /// Takes what came. Fails with io on what is no HTTP; feed nothing after that.
    Result<void> feed(std::string_view bytes);
    /// The peer closed. Fails with io when the answer is not whole.
    Result<void> finish();

    bool has_head() const { return state_ != State::head; }
    bool done() const { return state_ == State::done; }
    int status() const { return status_; }
    /// Of the head; `name` in lower case. Empty when it is not there.
    std::string header(const std::string& name) const;
    /// What came of the body since the last call.
    std::string take_body() { return std::exchange(body_, {}); }

private:
    enum class State : std::uint8_t {
        head,
        sized,
        until_close,
        chunk_size,
        chunk,
        chunk_end,
        trailer,
        done
    };

    Result<void> read_head();
    Result<void> read_status_line(std::string_view line);
    Result<void> choose_body();
    Result<bool> step();
    Result<bool> read_chunk_size();
    Result<bool> read_trailer();
    bool take(State next);

    State state_ = State::head;
    int status_ = 0;
    std::map<std::string, std::string> headers_;
    std::uint64_t left_ = 0;  // Of the body or of the chunk.
    std::string pending_;     // Not understood yet.
    std::string body_;
};

}  // namespace tepui::containerizer::docker
