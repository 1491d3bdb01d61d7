#include "wire/recordio.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tepui::wire {
namespace {

std::vector<std::string> take_all(RecordDecoder& decoder) {
    std::vector<std::string> records;
    while (auto record = decoder.next()) records.push_back(std::move(*record));
    return records;
}

TEST(RecordIo, EncodesLengthLineFeedBytes) {
    EXPECT_EQ(encode_record("hello\n"), "6\nhello\n");
    EXPECT_EQ(encode_record(std::string(1234, 'x')).substr(0, 6), "1234\nx");
}

TEST(RecordIo, DecodesWhereverTheStreamIsCut) {
    const std::vector<std::string> records{"a", std::string("\0\n5\n", 4), std::string(1000, 'x'),
                                           "{}"};
    std::string stream;
    std::vector<std::size_t> ends{0};
    for (const auto& record : records) {
        stream += encode_record(record);
        ends.push_back(stream.size());
    }
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        RecordDecoder decoder;
        ASSERT_TRUE(decoder.feed(std::string_view(stream).substr(0, cut)));
        const bool between = std::ranges::find(ends, cut) != ends.end();
        EXPECT_EQ(decoder.at_boundary(), between) << cut;
        ASSERT_TRUE(decoder.feed(std::string_view(stream).substr(cut)));
        EXPECT_TRUE(decoder.at_boundary());
        EXPECT_EQ(take_all(decoder), records);
    }
}

TEST(RecordIo, DecodesByteByByteAndGivesRecordsAsSoonAsTheyAreWhole) {
    RecordDecoder decoder;
    std::vector<std::size_t> seen_at;
    const std::string stream = "2\nab1\nc";
    for (std::size_t i = 0; i < stream.size(); ++i) {
        ASSERT_TRUE(decoder.feed(std::string_view(stream).substr(i, 1)));
        while (decoder.next()) seen_at.push_back(i);
    }
    EXPECT_EQ(seen_at, (std::vector<std::size_t>{3, 6}));
}

RC_GTEST_PROP(RecordIoProperty, SurvivesAnySplit, ()) {
    const auto records = *rc::gen::container<std::vector<std::string>>(
        rc::gen::nonEmpty(rc::gen::arbitrary<std::string>()));
    std::string stream;
    for (const auto& record : records) stream += encode_record(record);
    RecordDecoder decoder;
    std::string_view rest = stream;
    while (!rest.empty()) {
        const auto count = *rc::gen::inRange<std::size_t>(1, rest.size() + 1);
        RC_ASSERT(decoder.feed(rest.substr(0, count)).has_value());
        rest.remove_prefix(count);
    }
    RC_ASSERT(take_all(decoder) == records);
    RC_ASSERT(decoder.at_boundary());
}

TEST(RecordIo, SkipsEmptyRecords) {
    RecordDecoder decoder;
    ASSERT_TRUE(decoder.feed("0\n1\na00\n"));
    EXPECT_EQ(take_all(decoder), std::vector<std::string>{"a"});
    EXPECT_TRUE(decoder.at_boundary());
}

TEST(RecordIo, RefusesBadLengthsAndStaysFailed) {
    for (const char* bad : {"\n", "x", "-1\na", "+1\na", " 1\na", "1 \na", "1\r\na", "0x1\na",
                            "1.0\n", "000000000000000000001\n"}) {
        RecordDecoder decoder;
        ASSERT_TRUE(decoder.feed("2\nok")) << bad;
        const auto fed = decoder.feed(bad);
        ASSERT_FALSE(fed) << bad;
        EXPECT_EQ(fed.error().code, Errc::invalid_argument) << bad;
        EXPECT_FALSE(decoder.at_boundary());
        EXPECT_FALSE(decoder.feed("1\na"));
        EXPECT_EQ(take_all(decoder), std::vector<std::string>{"ok"}) << "whole before the failure";
    }
}

TEST(RecordIo, LimitsTheSizeOfARecord) {
    RecordDecoder exact(5);
    EXPECT_TRUE(exact.feed("5\nabcde"));
    for (const char* large : {"6\n", "18446744073709551615\n", "99999999999999999999\n"}) {
        RecordDecoder decoder(5);
        const auto fed = decoder.feed(large);
        ASSERT_FALSE(fed) << large;
        EXPECT_EQ(fed.error().code, Errc::too_large) << large;
    }
}

}  // namespace
}  // namespace tepui::wire
