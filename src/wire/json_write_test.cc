#include <gtest/gtest.h>

#include <limits>

#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "wire/json.h"
#include "wire/json_writer.h"

namespace tepui::wire {
namespace {

namespace v1 = mesos::v1;

std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

std::string text_of(double number) {
    std::string out;
    append_json_double(out, number);
    return out;
}

TEST(JsonText, EscapesStringsToAscii) {
    struct Row {
        std::string_view text;
        std::string_view want;
    };
    using namespace std::string_view_literals;
    const Row rows[] = {
        {"", R"("")"},
        {"plain, longer than eight bytes", R"("plain, longer than eight bytes")"},
        {"a\"b\\c/d", R"("a\"b\\c/d")"},
        {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
        {"\0\x01\x1f\x7f"sv, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"seventeen bytes \x02", R"("seventeen bytes \u0002")"},
        {"é", R"("\u00e9")"},
        {"日本", R"("\u65e5\u672c")"},
        {"😀", R"("\ud83d\ude00")"},
        {"\xff", R"("\ufffd")"},
        {"a\xc3", R"("a\ufffd")"},                              // Cut short.
        {"\xc0\xaf", R"("\ufffd\ufffd")"},                      // Overlong.
        {"\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")"},            // A surrogate.
        {"\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},  // Beyond U+10FFFF.
        {"\xe2\x82z", R"("\ufffd\ufffdz")"},
    };
    for (const Row& row : rows) EXPECT_EQ(quoted(row.text), row.want);
}

TEST(JsonText, WritesShortestDoubles) {
    struct Row {
        double number;
        std::string_view want;
    };
    const Row rows[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {15, "15.0"},
        {-3, "-3.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1795370753.522846, "1795370753.522846"},
        {1e15, "1000000000000000.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e20, "100000000000000000000.0"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {0.000001, "0.000001"},
        {1e-7, "1e-07"},
        {5e-324, "5e-324"},
        {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
        {std::numeric_limits<double>::infinity(), "\"Infinity\""},
        {-std::numeric_limits<double>::infinity(), "\"-Infinity\""},
        {std::numeric_limits<double>::quiet_NaN(), "\"NaN\""},
    };
    for (const Row& row : rows) EXPECT_EQ(text_of(row.number), row.want);
}

TEST(JsonWriter, PutsCommasBetweenValues) {
    std::string out;
    JsonWriter json(out);
    v1::TaskID id;
    id.set_value("t");
    json.begin_object();
    json.key("a\"").value("x").key("n").null().key("yes").value(true).key("no").value(false);
    json.key("list").begin_array().value(1).value(2u).value(-3).value(0.5).value(7.0);
    json.begin_object().end_object().begin_array().end_array().end_array();
    json.key("big").value(std::numeric_limits<std::uint64_t>::max());
    json.key("small").value(std::numeric_limits<std::int64_t>::min());
    json.key("id").message(id).key("raw").raw("[1]").key("last").value(std::string("z"));
    json.end_object();
    EXPECT_EQ(out, R"({"a\"":"x","n":null,"yes":true,"no":false,"list":[1,2,-3,0.5,7.0,{},[]],)"
                   R"("big":18446744073709551615,"small":-9223372036854775808,"id":{"value":"t"},)"
                   R"("raw":[1],"last":"z"})");
}

TEST(MessageToJson, WritesDefaultsUnlessDeprecated) {
    v1::FrameworkInfo framework;
    framework.set_user("u");
    framework.set_name("n");
    // "role" has the default "*" too, but is deprecated.
    EXPECT_EQ(message_to_json(framework),
              R"({"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false})");
    ASSERT_TRUE(
        json_to_message(R"({"user":"u","name":"n","checkpoint":true,"role":"*"})", framework));
    EXPECT_EQ(message_to_json(framework),
              R"({"user":"u","name":"n","failover_timeout":0.0,"checkpoint":true,"role":"*"})");
    EXPECT_EQ(message_to_json(v1::Filters()), R"({"refuse_seconds":5.0})");
    EXPECT_EQ(message_to_json(v1::Environment::Variable()), R"({"type":"VALUE"})");
    EXPECT_EQ(message_to_json(v1::CSIPluginInfo()), R"({"name":"default"})");
}

TEST(MessageToJson, LeavesOutWhatIsUnsetAndEmpty) {
    EXPECT_EQ(message_to_json(v1::Offer()), "{}");
    v1::master::Response response;
    response.set_type(v1::master::Response::GET_WEIGHTS);
    EXPECT_EQ(message_to_json(response), R"({"type":"GET_WEIGHTS"})");
    response.mutable_get_weights();
    EXPECT_EQ(message_to_json(response), R"({"type":"GET_WEIGHTS","get_weights":{}})");
}

TEST(MessageToJson, KeepsTheEmptyListsThatMesosKeeps) {
    EXPECT_EQ(message_to_json(v1::master::Response::GetTasks()),
              R"({"tasks":[],"unreachable_tasks":[],"completed_tasks":[]})");
    EXPECT_EQ(message_to_json(v1::master::Response::GetAgents()),
              R"({"agents":[],"recovered_agents":[]})");
    EXPECT_EQ(message_to_json(v1::agent::Response::GetFrameworks()),
              R"({"frameworks":[],"completed_frameworks":[]})");
    EXPECT_EQ(message_to_json(v1::master::Response::GetOperations()), "{}");
}

TEST(MessageToJson, WritesEveryKindOfField) {
    v1::TaskStatus status;
    status.mutable_task_id()->set_value("é");
    status.set_state(v1::TASK_UNREACHABLE);
    status.set_data(std::string("\0\xff", 2));
    status.set_timestamp(2.5);
    status.set_healthy(false);
    status.mutable_unreachable_time()->set_nanoseconds(std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(message_to_json(status),
              R"({"task_id":{"value":"\u00e9"},"state":"TASK_UNREACHABLE","data":"AP8=",)"
              R"("timestamp":2.5,"healthy":false,)"
              R"("unreachable_time":{"nanoseconds":-9223372036854775808}})");

    v1::Resource ports;
    ports.set_name("ports");
    auto* range = ports.mutable_ranges()->add_range();
    range->set_begin(1);
    range->set_end(std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(message_to_json(ports), R"({"name":"ports","ranges":{"range":[)"
                                      R"({"begin":1,"end":18446744073709551615}]}})");
}

TEST(MessageToJson, SortsTheKeysOfMaps) {
    v1::TaskInfo task;
    for (const char* name : {"mem", "cpus", "\"", "disk"})
        (*task.mutable_limits())[name].set_value(1);
    EXPECT_EQ(message_to_json(task), R"({"limits":{"\"":{"value":1.0},"cpus":{"value":1.0},)"
                                     R"("disk":{"value":1.0},"mem":{"value":1.0}}})");
}

TEST(MessageToJson, AppendsToWhatIsThere) {
    std::string out = "[";
    message_to_json(v1::Labels(), out);
    EXPECT_EQ(out, "[{}");
}

}  // namespace
}  // namespace tepui::wire
