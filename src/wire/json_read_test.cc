#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "wire/json.h"

namespace tepui::wire {
namespace {

using testing::HasSubstr;
namespace v1 = mesos::v1;

/// Reads `json` and writes it again: what was understood, as text. "error: ..." if it failed.
template <typename T>
std::string understood(std::string_view json) {
    T message;
    const auto read = json_to_message(json, message);
    return read ? message_to_json(message) : "error: " + read.error().text;
}

struct Row {
    const char* name;
    std::string_view json;
    std::string_view want;
};

TEST(JsonToMessage, TakesNumbersInEverySpelling) {
    const Row rows[] = {
        {"number", R"({"begin":1,"end":31000})", R"({"begin":1,"end":31000})"},
        {"strings", R"({"begin":"1","end":"31000"})", R"({"begin":1,"end":31000})"},
        {"whole double", R"({"begin":1.0,"end":3.1e4})", R"({"begin":1,"end":31000})"},
        {"whole double as string", R"({"begin":"1.0","end":"3.1e4"})",
         R"({"begin":1,"end":31000})"},
        {"largest", R"({"begin":0,"end":18446744073709551615})",
         R"({"begin":0,"end":18446744073709551615})"},
        {"largest as string", R"({"begin":0,"end":"18446744073709551615"})",
         R"({"begin":0,"end":18446744073709551615})"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(understood<v1::Value::Range>(row.json), row.want);
    }
    EXPECT_EQ(understood<v1::TimeInfo>(R"({"nanoseconds":-9223372036854775808})"),
              R"({"nanoseconds":-9223372036854775808})");
    EXPECT_EQ(understood<v1::Value::Scalar>(R"({"value":"0.5"})"), R"({"value":0.5})");
    EXPECT_EQ(understood<v1::Value::Scalar>(R"({"value":7})"), R"({"value":7.0})");
    EXPECT_EQ(understood<v1::Value::Scalar>(R"({"value":9223372036854775808})"),
              R"({"value":9223372036854775808.0})");
    EXPECT_EQ(understood<v1::Value::Scalar>(R"({"value":"-Infinity"})"),
              R"({"value":"-Infinity"})");
}

TEST(JsonToMessage, RefusesNumbersThatDontFit) {
    const Row rows[] = {
        {"fraction", R"({"begin":0.5,"end":1})", "begin: expected a whole number from 0 to"},
        {"negative", R"({"begin":-1,"end":1})", "begin: expected a whole number from 0 to"},
        {"2^64 as double", R"({"begin":0,"end":1.8446744073709552e19})", "end: expected a whole"},
        {"beyond 2^64", R"({"begin":0,"end":18446744073709551616})", "not valid JSON"},
        {"beyond 2^64 as string", R"({"begin":0,"end":"18446744073709551616"})", "end: expected"},
        {"empty string", R"({"begin":"","end":1})", "begin: expected a whole number"},
        {"blank", R"({"begin":" 1","end":1})", "begin: expected a whole number"},
        {"trailing", R"({"begin":"1x","end":1})", "begin: expected a whole number"},
        {"infinite", R"({"begin":"Infinity","end":1})", "begin: expected a whole number"},
        {"boolean", R"({"begin":true,"end":1})", "begin: expected a whole number, found a boolean"},
        {"object", R"({"begin":{},"end":1})", "begin: expected a whole number, found an object"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_THAT(understood<v1::Value::Range>(row.json), HasSubstr(row.want));
    }
    for (const char* text :
         {"\"inf\"", "\"nan\"", "\"0x10\"", "\"1e999\"", "\"\"", "[]", "{}", "true"})
        EXPECT_THAT(understood<v1::Value::Scalar>(fmt::format(R"({{"value":{}}})", text)),
                    HasSubstr("error: value: expected "));
    EXPECT_THAT(understood<v1::MasterInfo>(R"({"id":"m","ip":4294967296})"),
                HasSubstr("ip: expected a whole number from 0 to 4294967295"));
}

TEST(JsonToMessage, TakesBooleansAlsoAsStrings) {
    EXPECT_EQ(understood<v1::CommandInfo>(R"({"shell":false})"), R"({"shell":false})");
    EXPECT_EQ(understood<v1::CommandInfo>(R"({"shell":"false"})"), R"({"shell":false})");
    EXPECT_EQ(understood<v1::CommandInfo>(R"({"shell":"true"})"), R"({"shell":true})");
    for (const char* json : {R"({"shell":"True"})", R"({"shell":1})", R"({"shell":{}})"})
        EXPECT_THAT(understood<v1::CommandInfo>(json), HasSubstr("shell: expected a boolean"));
}

TEST(JsonToMessage, TakesNullAsAbsent) {
    EXPECT_EQ(understood<v1::Labels>(R"({"labels":null})"), "{}");
    EXPECT_EQ(understood<v1::Labels>(R"({"labels":[null,{"key":"k","value":null}]})"),
              R"({"labels":[{"key":"k"}]})");
    EXPECT_EQ(understood<v1::TaskID>(R"({"value":null})"), "error: missing required field value");
}

TEST(JsonToMessage, TakesOneValueForAList) {
    EXPECT_EQ(understood<v1::Value::Set>(R"({"item":"a"})"), R"({"item":["a"]})");
    EXPECT_EQ(understood<v1::Labels>(R"({"labels":{"key":"k"}})"), R"({"labels":[{"key":"k"}]})");
    EXPECT_EQ(understood<v1::Labels>(R"({"labels":[]})"), "{}");
    EXPECT_THAT(understood<v1::Value::Set>(R"({"item":["a",["b"]]})"),
                HasSubstr("item[1]: expected a string, found an array"));
    EXPECT_EQ(understood<v1::TaskID>(R"({"value":["a"]})"),
              "error: value: expected one value, found an array");
}

TEST(JsonToMessage, TakesEnumsByName) {
    using Resource = v1::Value;
    EXPECT_EQ(understood<Resource>(R"({"type":"SCALAR"})"), R"({"type":"SCALAR"})");
    EXPECT_EQ(understood<Resource>(R"({"type":"CUBE"})"), "error: type: 'CUBE' is no Type");
    EXPECT_THAT(understood<Resource>(R"({"type":0})"),
                HasSubstr("type: expected the name of an enum value, found a number"));
    // A newer client's name for an optional field, or in a list, is dropped.
    EXPECT_EQ(understood<v1::FrameworkInfo::Capability>(R"({"type":"TELEPATHY"})"), "{}");
    EXPECT_EQ(understood<v1::scheduler::Call>(R"({"type":"DANCE"})"), "{}");
}

TEST(JsonToMessage, IgnoresUnknownNames) {
    EXPECT_EQ(understood<v1::TaskID>(R"({"slave_id":{"a":[1,{}]},"value":"x","Value":"y"})"),
              R"({"value":"x"})");
}

TEST(JsonToMessage, TakesTheLastOfEqualNames) {
    EXPECT_EQ(understood<v1::TaskID>(R"({"value":"a","value":"b"})"), R"({"value":"b"})");
    EXPECT_EQ(understood<v1::Value::Set>(R"({"item":["a","b"],"item":["c"]})"),
              R"({"item":["c"]})");
    EXPECT_EQ(understood<v1::Value::Set>(R"({"item":["a"],"item":null})"), "{}");
    EXPECT_EQ(
        understood<v1::ContainerID>(
            R"({"value":"a","parent":{"value":"x","parent":{"value":"y"}},"parent":{"value":"z"}})"),
        R"({"value":"a","parent":{"value":"z"}})");
    EXPECT_EQ(understood<v1::ContainerInfo>(R"({"type":"MESOS","hostname":"h","hostname":null})"),
              R"({"type":"MESOS"})");
}

TEST(JsonToMessage, ReadsBytesAsBase64) {
    const auto bytes = [](std::string_view base64) {
        return understood<v1::Secret::Value>(fmt::format(R"({{"data":"{}"}})", base64));
    };
    for (const char* good : {"", "AA==", "AAA=", "AAAA", "+/+/", "aGVsbG8="})
        EXPECT_EQ(bytes(good), fmt::format(R"({{"data":"{}"}})", good));
    for (const char* bad :
         {"A", "AA", "AAA", "A===", "====", "AA=A", "AA==AAAA", "A A=", "-_-_", "AAA\\n"})
        EXPECT_EQ(bytes(bad), "error: data: expected base64 with padding") << bad;
    EXPECT_THAT(understood<v1::Secret::Value>(R"({"data":1})"), HasSubstr("expected a string"));
}

TEST(JsonToMessage, ReadsMaps) {
    EXPECT_EQ(
        understood<v1::quota::QuotaConfig>(
            R"({"role":"r","limits":{"mem":{"value":2},"cpus":0.5,"disk":"Infinity","gpus":null}})"),
        R"({"role":"r","limits":{"cpus":{"value":0.5},"disk":{"value":"Infinity"},)"
        R"("mem":{"value":2.0}}})");
    EXPECT_EQ(understood<v1::quota::QuotaConfig>(R"({"role":"r","limits":{"a":1,"a":2}})"),
              R"({"role":"r","limits":{"a":{"value":2.0}}})");
    EXPECT_THAT(understood<v1::quota::QuotaConfig>(R"({"role":"r","limits":[]})"),
                HasSubstr("limits: expected an object, found an array"));
    EXPECT_THAT(understood<v1::quota::QuotaConfig>(R"({"role":"r","limits":{"cpus":true}})"),
                HasSubstr("limits.cpus: expected an object, found a boolean"));
    EXPECT_THAT(understood<v1::quota::QuotaConfig>(R"({"role":"r","limits":{"cpus":{}}})"),
                HasSubstr("missing required field"));
}

TEST(JsonToMessage, TakesShortFormsOfScalarsAndDurations) {
    EXPECT_EQ(understood<v1::Value>(R"({"type":"SCALAR","scalar":1.5})"),
              R"({"type":"SCALAR","scalar":{"value":1.5}})");
    EXPECT_EQ(understood<v1::DrainConfig>(R"({"max_grace_period":"10mins"})"),
              R"({"max_grace_period":{"nanoseconds":600000000000},"mark_gone":false})");
    EXPECT_EQ(understood<v1::master::Call::DrainAgent>(
                  R"({"agent_id":{"value":"a"},"max_grace_period":"1500ms"})"),
              R"({"agent_id":{"value":"a"},"max_grace_period":{"seconds":1,"nanos":500000000},)"
              R"("mark_gone":false})");
    EXPECT_THAT(understood<v1::DrainConfig>(R"({"max_grace_period":"soon"})"),
                HasSubstr("max_grace_period: "));
    EXPECT_THAT(understood<v1::DrainConfig>(R"({"max_grace_period":5})"),
                HasSubstr("max_grace_period: expected an object, found a number"));
    EXPECT_THAT(understood<v1::Unavailability>(R"({"start":"10mins"})"),
                HasSubstr("start: expected an object, found a string"));
}

TEST(JsonToMessage, NamesThePathOfAnError) {
    EXPECT_EQ(understood<v1::scheduler::Call>(
                  R"({"accept":{"offer_ids":[{"value":"a"},{"value":"b"},{"value":7}]}})"),
              "error: accept.offer_ids[2].value: expected a string, found a number");
    EXPECT_EQ(understood<v1::scheduler::Call>(R"({"accept":{"offer_ids":[{"value":"a"},{}]}})"),
              "error: missing required field accept.offer_ids[1].value");
    EXPECT_EQ(understood<v1::Label>("{}"), "error: missing required field key");
    EXPECT_EQ(understood<v1::Value::Range>("{}"), "error: missing required fields begin, end");
}

TEST(JsonToMessage, RefusesWhatIsNoJsonObject) {
    const Row rows[] = {
        {"empty", "", "not valid JSON"},
        {"blank", "  ", "not valid JSON"},
        {"array", "[]", "expected a JSON object, found an array"},
        {"string", "\"a\"", "expected a JSON object, found a string"},
        {"number", "1", "expected a JSON object, found a number"},
        {"null", "null", "expected a JSON object, found null"},
        {"unfinished", R"({"value":"x")", "not valid JSON"},
        {"more after it", R"({"value":"x"}{})", "not valid JSON"},
        {"trailing comma", R"({"value":"x",})", "not valid JSON"},
        {"single quotes", "{'value':'x'}", "not valid JSON"},
        {"control character", "{\"value\":\"\n\"}", "not valid JSON"},
        {"invalid UTF-8", "{\"value\":\"\xff\"}", "not valid JSON"},
        {"invalid UTF-8 in an unknown field", "{\"u\":\"\xc3\",\"value\":\"x\"}", "not valid JSON"},
        {"lone high surrogate", R"({"value":"\ud800"})", "not valid JSON"},
        {"high surrogate and text", R"({"value":"\ud800a"})", "not valid JSON"},
        {"lone low surrogate", R"({"value":"\udc00"})", "not valid JSON"},
        {"two high surrogates", R"({"value":"\ud800\ud800"})", "not valid JSON"},
        {"surrogates the wrong way", R"({"value":"a\udc00\ud800"})", "not valid JSON"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_THAT(understood<v1::TaskID>(row.json), HasSubstr(row.want));
    }
}

TEST(JsonToMessage, TakesWhiteSpaceAndEscapes) {
    EXPECT_EQ(understood<v1::TaskID>("\r\n\t { \"value\" :\n\"\\ud83d\\ude00\\/\\u0000\" }\n"),
              R"({"value":"\ud83d\ude00/\u0000"})");
}

std::string nested_containers(int levels) {
    std::string json;
    for (int i = 1; i < levels; ++i) json += R"({"value":"c","parent":)";
    json += R"({"value":"c"})";
    return json.append(static_cast<std::size_t>(levels - 1), '}');
}

TEST(JsonToMessage, LimitsDepth) {
    v1::ContainerID id;
    EXPECT_TRUE(json_to_message(nested_containers(200), id));
    const auto deeper = json_to_message(nested_containers(201), id);
    ASSERT_FALSE(deeper);
    EXPECT_EQ(deeper.error(), (Error{Errc::too_large, "JSON is nested deeper than 200 levels"}));

    // Unknown fields count as well, and so do arrays.
    std::string arrays = R"({"value":"c","unknown":)";
    arrays.append(199, '[').append("1").append(199, ']').append("}");
    EXPECT_TRUE(json_to_message(arrays, id));
    arrays = R"({"value":"c","unknown":)";
    arrays.append(200, '[').append("1").append(200, ']').append("}");
    EXPECT_FALSE(json_to_message(arrays, id));
    EXPECT_FALSE(json_to_message(std::string(1'000'000, '['), id));

    EXPECT_TRUE(json_to_message(nested_containers(3), id, {.depth_max = 3}));
    EXPECT_FALSE(json_to_message(nested_containers(4), id, {.depth_max = 3}));
}

TEST(JsonToMessage, LimitsSize) {
    v1::TaskID id;
    const std::string json = R"({"value":"12345"})";
    EXPECT_TRUE(json_to_message(json, id, {.bytes_max = json.size()}));
    const auto larger = json_to_message(json, id, {.bytes_max = json.size() - 1});
    ASSERT_FALSE(larger);
    EXPECT_EQ(larger.error().code, Errc::too_large);
}

TEST(JsonToMessage, ReadsTextsOfManySizes) {
    for (const std::size_t size : {1u, 100u, 5'000u, 300'000u, 60u, 2'000'000u, 5u}) {
        v1::TaskID id;
        ASSERT_TRUE(
            json_to_message(fmt::format(R"({{"value":"{}"}})", std::string(size, 'x')), id));
        EXPECT_EQ(id.value().size(), size);
    }
}

TEST(JsonToMessage, ClearsTheMessageFirst) {
    v1::TaskStatus status;
    status.set_message("old");
    ASSERT_TRUE(json_to_message(R"({"task_id":{"value":"t"},"state":"TASK_LOST"})", status));
    EXPECT_FALSE(status.has_message());
}

TEST(JsonToMessage, KeepsNamesFromOutsidePrintable) {
    const std::string error =
        understood<v1::Value>("{\"type\":\"\\u001b[31m" + std::string(500, 'x') + "\"}");
    EXPECT_LT(error.size(), 120u);
    EXPECT_EQ(error.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace tepui::wire
