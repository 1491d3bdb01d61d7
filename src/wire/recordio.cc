#include "wire/recordio.h"

#include <charconv>

namespace tepui::wire {
namespace {

constexpr std::size_t length_digits_max = 20;  // Of 2^64.

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string encode_record(std::string_view bytes) {
    std::string record = std::to_string(bytes.size());
    record.reserve(record.size() + 1 + bytes.size());
    record += '\n';
    record += bytes;
    return record;
}

Result<void> RecordDecoder::feed(std::string_view bytes) {
    if (failed_) return fail(Errc::invalid_argument, "the record stream is broken already");
    while (!bytes.empty()) {
        const auto taken =
            missing_ > 0 ? Result<std::size_t>(take_body(bytes)) : take_length(bytes);
        if (!taken) {
            failed_ = true;
            buffer_.clear();
            return std::unexpected(taken.error());
        }
        bytes.remove_prefix(*taken);
    }
    return {};
}

std::size_t RecordDecoder::take_body(std::string_view bytes) {
    const std::size_t count = std::min(missing_, bytes.size());
    buffer_.append(bytes.substr(0, count));
    missing_ -= count;
    if (missing_ == 0) {
        records_.push_back(std::move(buffer_));
        buffer_.clear();
    }
    return count;
}

Result<std::size_t> RecordDecoder::take_length(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (is_digit(bytes[i]) && buffer_.size() < length_digits_max) {
            buffer_ += bytes[i];
            continue;
        }
        if (bytes[i] != '\n' || buffer_.empty())
            return fail(Errc::invalid_argument,
                        "a record's length is not a decimal number and a line feed");
        TEPUI_CHECK_OK(end_length());
        return i + 1;
    }
    return bytes.size();
}

Result<void> RecordDecoder::end_length() {
    std::uint64_t length = 0;
    const auto parsed = std::from_chars(buffer_.data(), buffer_.data() + buffer_.size(), length);
    if (parsed.ec != std::errc() || length > record_bytes_max_) {
        return fail(Errc::too_large, "a record of {} bytes is larger than the limit of {}", buffer_,
                    record_bytes_max_);
    }
    buffer_.clear();
    missing_ = length;  // 0 is no record at all: the next length follows.
    // A peer that only announces much must not make us hold much.
    constexpr std::size_t reserve_max = std::size_t{64} << 10;
    buffer_.reserve(std::min<std::size_t>(missing_, reserve_max));
    return {};
}

std::optional<std::string> RecordDecoder::next() {
    if (records_.empty()) return std::nullopt;
    std::string record = std::move(records_.front());
    records_.pop_front();
    return record;
}

bool RecordDecoder::at_boundary() const { return !failed_ && missing_ == 0 && buffer_.empty(); }

}  // namespace tepui::wire
