#include "containerizer/docker/response_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tepui::containerizer::docker {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}

/// The whole of `text` as a number.
bool read_number(std::string_view text, int base, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc{} && !text.empty() && end == text.data() + text.size();
}

std::unexpected<Error> not_http(std::string_view what) {
    return fail(Errc::io, "what came is no answer in HTTP: {}", what);
}

}  // namespace

std::string ResponseReader::header(const std::string& name) const {
    const auto found = headers_.find(name);
    return found == headers_.end() ? std::string() : found->second;
}

Result<void> ResponseReader::feed(std::string_view bytes) {
    pending_.append(bytes);
    for (;;) {
        const Result<bool> more = step();
        if (!more) return std::unexpected(more.error());
        if (!*more) return {};
    }
}

Result<void> ResponseReader::finish() {
    if (state_ == State::until_close) state_ = State::done;
    if (state_ == State::done) return {};
    return fail(Errc::io, "the connection was closed before the answer was whole");
}

/// One part of what is pending; false when that is not enough.
Result<bool> ResponseReader::step() {
    switch (state_) {
        case State::head: {
            const std::size_t end = pending_.find("\r\n\r\n");
            if (end == std::string::npos) {
                if (pending_.size() > head_bytes_max) return not_http("its head has no end");
                // Known early, so that a peer that only talks is not listened to for long.
                const std::string_view start = std::string_view(pending_).substr(0, 5);
                if (!std::string_view("HTTP/").starts_with(start))
                    return not_http("it does not begin with HTTP/");
                return false;
            }
            if (end > head_bytes_max) return not_http("its head is too long");
            TEPUI_CHECK_OK(read_head());
            return !pending_.empty();
        }
        case State::sized: return take(State::done);
        case State::chunk: return take(State::chunk_end);
        case State::until_close: body_ += std::exchange(pending_, {}); return false;
        case State::chunk_size: return read_chunk_size();
        case State::chunk_end:
            if (pending_.size() < 2) return false;
            if (!pending_.starts_with("\r\n")) return not_http("a chunk is longer than it says");
            pending_.erase(0, 2);
            state_ = State::chunk_size;
            return true;
        case State::trailer: return read_trailer();
        case State::done:
            pending_.clear();  // Nothing was asked after this.
            return false;
    }
    return false;
}

/// Moves what is there of `left_` to the body.
bool ResponseReader::take(State next) {
    const std::size_t count = std::min<std::uint64_t>(left_, pending_.size());
    body_.append(pending_, 0, count);
    pending_.erase(0, count);
    left_ -= count;
    if (left_ > 0) return false;
    state_ = next;
    return true;
}

Result<void> ResponseReader::read_head() {
    const std::size_t end = pending_.find("\r\n\r\n");
    const std::string head = pending_.substr(0, end + 2);
    pending_.erase(0, end + 4);
    std::string_view rest = head;
    bool first = true;
    headers_.clear();
    while (!rest.empty()) {
        const std::size_t line_end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, line_end);
        rest.remove_prefix(line_end + 2);
        if (std::exchange(first, false)) {
            TEPUI_CHECK_OK(read_status_line(line));
            continue;
        }
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return not_http("a header without a colon");
        headers_[lower(line.substr(0, colon))] = std::string(trim(line.substr(colon + 1)));
    }
    return choose_body();
}

Result<void> ResponseReader::read_status_line(std::string_view line) {
    std::uint64_t code = 0;
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ' ||
        !read_number(line.substr(9, 3), 10, code) || code < 100)
        return not_http("its first line is none of HTTP/1.1");
    status_ = static_cast<int>(code);
    return {};
}

Result<void> ResponseReader::choose_body() {
    if (status_ < 200 && status_ != 101) return {};  // Another head follows.
    const std::string length = header("content-length");
    if (status_ == 204 || status_ == 304) {
        state_ = State::done;
    } else if (lower(header("transfer-encoding")) == "chunked") {
        state_ = State::chunk_size;
    } else if (!length.empty()) {
        if (!read_number(length, 10, left_)) return not_http("its Content-Length is no number");
        state_ = left_ == 0 ? State::done : State::sized;
    } else {
        state_ = State::until_close;
    }
    return {};
}

Result<bool> ResponseReader::read_chunk_size() {
    const std::size_t end = pending_.find("\r\n");
    if (end == std::string::npos) {
        if (pending_.size() > chunk_line_bytes_max) return not_http("a chunk without a size");
        return false;
    }
    std::string_view size = std::string_view(pending_).substr(0, end);
    size = trim(size.substr(0, size.find(';')));
    if (size.size() > 15 || !read_number(size, 16, left_))
        return not_http("the size of a chunk is no number");
    pending_.erase(0, end + 2);
    state_ = left_ == 0 ? State::trailer : State::chunk;
    return true;
}

Result<bool> ResponseReader::read_trailer() {
    const std::size_t end = pending_.find("\r\n");
    if (end == std::string::npos) {
        if (pending_.size() > head_bytes_max) return not_http("its trailer has no end");
        return false;
    }
    pending_.erase(0, end + 2);
    if (end == 0) state_ = State::done;
    return true;
}

}  // namespace tepui::containerizer::docker
