#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::wire {

/// One RecordIO record: decimal length, LF, bytes. Not for empty `bytes`: readers skip such a
/// record.
std::string encode_record(std::string_view bytes);

/// Takes bytes as they arrive, gives whole records; records of length 0 are skipped. After a
/// failure the decoder stays failed, but records that were whole before it can still be taken.
class RecordDecoder {
public:
    explicit RecordDecoder(std::size_t record_bytes_max = std::size_t{64} << 20)
        : record_bytes_max_(record_bytes_max) {}

    /// Fails with invalid_argument on a bad length, too_large on one beyond the limit.
    Result<void> feed(std::string_view bytes);
    /// The next whole record, or nothing until more is fed.
    std::optional<std::string> next();
    /// Whether the bytes so far end between two records.
    bool at_boundary() const;

private:
    /// Both take some of `bytes` (not empty) and say how much.
    std::size_t take_body(std::string_view bytes);
    Result<std::size_t> take_length(std::string_view bytes);
    Result<void> end_length();

    std::size_t record_bytes_max_;
    std::size_t missing_ = 0;  // Bytes until the record is whole; 0 while a length is read.
    std::string buffer_;       // The digits of the length, or the record so far.
    std::deque<std::string> records_;
    bool failed_ = false;
};

}  // namespace tepui::wire
