#include "cli/output/yaml.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tepui::cli {
namespace {

std::string yaml(std::string_view json) { return to_yaml(*parse_json(json)); }

TEST(Yaml, Documents) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"null", "null\n"},
        {"[]", "[]\n"},
        {"{}", "{}\n"},
        {R"({"a":1,"b":true,"c":null})", "a: 1\nb: true\nc: null\n"},
        {R"({"a":{"b":{"c":"d"}}})", "a:\n  b:\n    c: d\n"},
        {R"({"a":[1,2],"b":[]})", "a:\n- 1\n- 2\nb: []\n"},
        {R"([{"a":1,"b":2},{"a":3}])", "- a: 1\n  b: 2\n- a: 3\n"},
        {R"([[1,2],[[3]],{}])", "- - 1\n  - 2\n- - - 3\n- {}\n"},
        {R"({"a":[{"b":[{"c":1}]}]})", "a:\n- b:\n  - c: 1\n"},
        {R"([1.5,-2,1e300,1e-7])", "- 1.5\n- -2\n- 1.0e+300\n- 1.0e-07\n"},
    };
    for (const auto& [json, text] : cases) EXPECT_EQ(yaml(json), text) << json;
}

TEST(Yaml, QuotesWhatReadersWouldTakeForSomethingElse) {
    for (const std::string plain :
         {"web", "a/b", "/x", "TASK_RUNNING", "two words", "a-b.c", "e5"}) {
        EXPECT_EQ(yaml("\"" + plain + "\""), plain + "\n");
    }
    for (const std::string quoted :
         {"",     "no",   "No",   "true",       "NULL", "y",  "1",  "1e3", "0x1f",
          "1:30", "a: b", "a #b", "- a",        "#",    " a", "a ", "*a",  "&a",
          "!a",   "?",    "[a",   "{a",         "%a",   "@a", "`a", "'a",  "a,b",
          "a:",   "~",    ".5",   "2020-01-01", "=",    "<<", "a|b"}) {
        EXPECT_EQ(yaml("\"" + quoted + "\""), "\"" + quoted + "\"\n");
    }
    EXPECT_EQ(yaml(R"({"no":1,"1":2})"), "\"no\": 1\n\"1\": 2\n");
}

TEST(Yaml, EscapesInQuotes) {
    EXPECT_EQ(yaml(R"("a\nb\t\"c\"\\")"), "\"a\\nb\\t\\\"c\\\"\\\\\"\n");
    EXPECT_EQ(yaml(R"("\u0000\u001b\u0085\u2028\ufeff")"),
              "\"\\u0000\\u001b\\u0085\\u2028\\ufeff\"\n");
    EXPECT_EQ(yaml("\"\xc3\xa9\xf0\x9f\x98\x80\""), "\"\xc3\xa9\xf0\x9f\x98\x80\"\n");
}

/// A line of output never begins a document marker or a directive, whatever the strings are.
RC_GTEST_PROP(Yaml, StringsStayOnOneLineWithoutControlCharacters, (const std::string& bytes)) {
    std::string text;
    for (const char c : bytes) {
        if ((static_cast<unsigned char>(c) & 0x80U) == 0) text += c;
    }
    JsonValue value;
    value.kind = JsonValue::Kind::string;
    value.text = text;
    const std::string out = to_yaml(value);
    RC_ASSERT(out.find('\n') == out.size() - 1);
    for (const char c : out.substr(0, out.size() - 1)) RC_ASSERT(c >= 0x20 && c < 0x7f);
    // What stands in quotes is JSON but for \u escapes, so JSON's reader gives the text back.
    if (out[0] == '"')
        RC_ASSERT(parse_json(out)->text == text);
    else
        RC_ASSERT(out == text + "\n");
}

}  // namespace
}  // namespace tepui::cli
