#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::wire {

/// One RecordIO record: decimal length, LF, bytes.
std::string encode_record(std::string_view bytes);

/// Takes bytes as they arrive, gives whole records. After a failure the decoder stays failed.
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
    std::size_t record_bytes_max_;
    std::string buffer_;
    std::deque<std::string> records_;
    bool failed_ = false;
};

}  // namespace tepui::wire
