#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <limits>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/prng.h"
#include "base/quantity.h"
#include "base/time.h"

namespace tepui {
namespace {

TEST(Duration, ReadsAndWritesMesosSyntax) {
    struct Row {
        const char* text;
        Duration want;
        const char* written;
    };
    const Row rows[] = {
        {"15secs", 15s, "15secs"},   {"500ms", 500ms, "500ms"},   {"1.5hrs", 90min, "90mins"},
        {"10mins", 10min, "10mins"}, {"1days", 24h, "1days"},     {"2weeks", 14 * 24h, "2weeks"},
        {"0ns", 0s, "0ns"},          {"-5mins", -5min, "-5mins"}, {"1.5ms", 1500us, "1.5ms"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto parsed = parse_duration(row.text);
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(*parsed, row.want);
        EXPECT_EQ(format_duration(*parsed), row.written);
    }
    for (const char* bad :
         {"", "15", "secs", "15 secs", "15s", "nan", "1e300weeks", "inf", "1secsx"}) {
        SCOPED_TRACE(bad);
        const auto parsed = parse_duration(bad);
        ASSERT_FALSE(parsed.has_value());
        EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
    }
}

TEST(Duration, SecondsOfTheWireSaturate) {
    EXPECT_EQ(duration_from_seconds(1.5), 1500ms);
    EXPECT_EQ(duration_from_seconds(1e300), Duration::max());
    EXPECT_EQ(duration_from_seconds(-1e300), Duration::min());
    EXPECT_EQ(duration_from_seconds(std::numeric_limits<double>::quiet_NaN()), Duration::zero());
    EXPECT_EQ(Instant{1s} + Duration::max(), Instant::max());
}

TEST(Bytes, ReadsAndWritesMesosSyntax) {
    EXPECT_EQ(parse_bytes("64MB")->count, 64u << 20);
    EXPECT_EQ(parse_bytes("1000B")->count, 1000u);
    EXPECT_EQ(format_bytes(Bytes::gigabytes(10)), "10GB");
    EXPECT_EQ(format_bytes(Bytes{1000}), "1000B");
    for (const char* bad : {"", "MB", "-1MB", "1.5GB", "64", "99999999999999999TB"}) {
        EXPECT_FALSE(parse_bytes(bad).has_value()) << bad;
    }
}

RC_GTEST_PROP(Quantity, ThousandthsAreExact, (std::int32_t a, std::int32_t b)) {
    const Quantity x{a};
    const Quantity y{b};
    RC_ASSERT(Quantity::from_double(x.to_double()) == x);
    RC_ASSERT(Quantity::from_double(x.to_double() + y.to_double()) == x + y);
    RC_ASSERT(x + y - y == x);
}

TEST(Quantity, SurvivesWhatTheWireMaySend) {
    EXPECT_EQ(Quantity::from_double(0.1) + Quantity::from_double(0.2), Quantity::from_double(0.3));
    EXPECT_EQ(Quantity::from_double(std::numeric_limits<double>::quiet_NaN()).milli, 0);
    EXPECT_GT(Quantity::from_double(1e300).milli, 0);
    EXPECT_EQ(to_string(Quantity::from_double(0.1)), "0.1");
}

TEST(Prng, SameSeedSameRun) {
    Prng a{7};
    Prng b{7};
    Prng c{8};
    EXPECT_EQ(a.uuid_text(), b.uuid_text());
    EXPECT_NE(a.uuid_text(), c.uuid_text());
    EXPECT_EQ(a.uuid_bytes().size(), 16u);
    const std::string text = a.uuid_text();
    EXPECT_EQ(text.size(), 36u);
    EXPECT_EQ(text[14], '4');
    for (int i = 0; i < 1000; ++i) EXPECT_LT(a.below(10), 10u);
}

}  // namespace
}  // namespace tepui
