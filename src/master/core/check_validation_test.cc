#include "master/core/check_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace tepui::master {
namespace {

using mesos::v1::CheckInfo;
using mesos::v1::HealthCheck;
using ::testing::HasSubstr;

template <typename Message>
struct Row {
    const char* name;
    std::function<void(Message&)> change;
    const char* error;  // A part of it; empty: it is good.
};

template <typename Message>
void expect(const Row<Message>& row, const Message& check, const Result<void>& result) {
    SCOPED_TRACE(row.name);
    if (row.error[0] == 0) {
        EXPECT_TRUE(result.has_value()) << result.error().text << check.ShortDebugString();
        return;
    }
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(result.error().text, HasSubstr(row.error));
}

HealthCheck http_health() {
    HealthCheck check;
    check.set_type(HealthCheck::HTTP);
    check.mutable_http()->set_port(80);
    check.mutable_tcp()->set_port(80);
    check.mutable_command()->set_value("true");
    return check;
}

TEST(CheckValidation, HealthChecks) {
    using M = HealthCheck;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Row<M> rows[] = {
        {"http", [](M&) {}, ""},
        {"tcp", [](M& c) { c.set_type(M::TCP); }, ""},
        {"command", [](M& c) { c.set_type(M::COMMAND); }, ""},
        {"type of what is set", [](M& c) { c.clear_type(), c.clear_command(), c.clear_http(); },
         ""},
        {"no type", [](M& c) { c.Clear(); }, "'type'"},
        {"unknown type", [](M& c) { c.set_type(M::UNKNOWN); }, "'type'"},
        {"no http", [](M& c) { c.clear_http(); }, "'http'"},
        {"no tcp", [](M& c) { c.set_type(M::TCP), c.clear_tcp(); }, "'tcp'"},
        {"no command", [](M& c) { c.set_type(M::COMMAND), c.clear_command(); }, "'command'"},
        {"empty command", [](M& c) { c.set_type(M::COMMAND), c.mutable_command()->clear_value(); },
         "value"},
        {"port 0", [](M& c) { c.mutable_http()->set_port(0); }, "port 0"},
        {"port 65536", [](M& c) { c.mutable_http()->set_port(65536); }, "port 65536"},
        {"port 65535", [](M& c) { c.mutable_http()->set_port(65535); }, ""},
        {"tcp port 0", [](M& c) { c.set_type(M::TCP), c.mutable_tcp()->set_port(0); }, "port 0"},
        {"https", [](M& c) { c.mutable_http()->set_scheme("https"); }, ""},
        {"ftp", [](M& c) { c.mutable_http()->set_scheme("ftp"); }, "'ftp'"},
        {"relative path", [](M& c) { c.mutable_http()->set_path("health"); }, "'/'"},
        {"good path", [](M& c) { c.mutable_http()->set_path("/health?x=%20"); }, ""},
        {"path with a line", [](M& c) { c.mutable_http()->set_path("/a\r\nX: y"); }, "control"},
        {"path with a space", [](M& c) { c.mutable_http()->set_path("/a b"); }, "spaces"},
        {"delay", [](M& c) { c.set_delay_seconds(-1); }, "delay_seconds"},
        {"interval", [](M& c) { c.set_interval_seconds(-0.1); }, "interval_seconds"},
        {"timeout", [=](M& c) { c.set_timeout_seconds(nan); }, "timeout_seconds"},
        {"grace", [](M& c) { c.set_grace_period_seconds(-1); }, "grace_period_seconds"},
        {"all zero",
         [](M& c) {
             c.set_delay_seconds(0), c.set_interval_seconds(0), c.set_timeout_seconds(0);
             c.set_grace_period_seconds(0), c.set_consecutive_failures(0);
         },
         ""},
    };
    for (const Row<M>& row : rows) {
        M check = http_health();
        row.change(check);
        expect(row, check, validate_health_check(check));
    }
}

TEST(CheckValidation, Checks) {
    using M = CheckInfo;
    const Row<M> rows[] = {
        {"http", [](M&) {}, ""},
        {"tcp", [](M& c) { c.set_type(M::TCP); }, ""},
        {"command", [](M& c) { c.set_type(M::COMMAND); }, ""},
        {"no type", [](M& c) { c.clear_type(); }, "'type'"},
        {"no http", [](M& c) { c.clear_http(); }, "'http'"},
        {"no tcp", [](M& c) { c.set_type(M::TCP), c.clear_tcp(); }, "'tcp'"},
        {"no command", [](M& c) { c.set_type(M::COMMAND), c.clear_command(); }, "'command'"},
        {"port 0", [](M& c) { c.mutable_http()->set_port(0); }, "port 0"},
        {"tcp port", [](M& c) { c.set_type(M::TCP), c.mutable_tcp()->set_port(99999); }, "99999"},
        {"relative path", [](M& c) { c.mutable_http()->set_path("x"); }, "'x'"},
        {"delay", [](M& c) { c.set_delay_seconds(-1); }, "delay_seconds"},
        {"interval", [](M& c) { c.set_interval_seconds(-1); }, "interval_seconds"},
        {"timeout", [](M& c) { c.set_timeout_seconds(-1); }, "timeout_seconds"},
    };
    for (const Row<M>& row : rows) {
        M check;
        check.set_type(M::HTTP);
        check.mutable_http()->set_port(80);
        check.mutable_tcp()->set_port(80);
        check.mutable_command()->mutable_command()->set_value("true");
        row.change(check);
        expect(row, check, validate_check(check));
    }
}

}  // namespace
}  // namespace tepui::master
