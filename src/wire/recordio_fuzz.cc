// Any bytes as a record stream, cut in pieces of the size that the first byte says: the records,
// the failure and the boundary must not depend on the cuts.

#include "base/assert.h"
#include "wire/recordio.h"

namespace {

struct Outcome {
    std::vector<std::string> records;
    bool failed = false;
    bool at_boundary = false;

    bool operator==(const Outcome&) const = default;
};

Outcome decode_in_pieces(std::string_view stream, std::size_t piece) {
    tepui::wire::RecordDecoder decoder(4096);
    Outcome outcome;
    while (!stream.empty() && !outcome.failed) {
        outcome.failed = !decoder.feed(stream.substr(0, piece)).has_value();
        stream.remove_prefix(std::min(piece, stream.size()));
    }
    while (auto record = decoder.next()) outcome.records.push_back(std::move(*record));
    outcome.at_boundary = decoder.at_boundary();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Outcome whole = decode_in_pieces(stream, std::string_view::npos);
    TEPUI_ASSERT(decode_in_pieces(stream, 1 + data[0]) == whole);
    TEPUI_ASSERT(decode_in_pieces(stream, 1) == whole);
    std::string again;
    for (const std::string& record : whole.records) {
        TEPUI_ASSERT(!record.empty() && record.size() <= 4096);
        again += tepui::wire::encode_record(record);
    }
    TEPUI_ASSERT(decode_in_pieces(again, 7).records == whole.records);
    return 0;
}
