#include "cli/output/jsonpath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cli/output/format.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;

constexpr std::string_view document = R"({
  "tasks": [
    {"id": "a", "state": "RUNNING", "cpus": 0.5, "labels": [{"key": "x"}], "a.b": 1, "up": true},
    {"id": "b", "state": "FAILED", "cpus": 2, "labels": []},
    {"id": "c", "state": "RUNNING", "cpus": 1}
  ],
  "limit": 1, "none": null
})";

std::string evaluate(std::string_view text) {
    const auto path = JsonPath::parse(text);
    if (!path) return "FAILED " + path.error().text;
    return path->evaluate(*parse_json(document));
}

TEST(JsonPath, Finds) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"{.tasks[0].id}", "a"},
        {"{$.tasks[0].id}", "a"},
        {".tasks[1].id", "b"},
        {"tasks[2].id", "c"},
        {"{.tasks[-1].id}", "c"},
        {"{.tasks[-9].id}", ""},
        {"{.tasks[9].id}", ""},
        {"{.tasks[*].id}", "a b c"},
        {"{.tasks.*.id}", "a b c"},
        {"{.tasks[0:2].id}", "a b"},
        {"{.tasks[1:].id}", "b c"},
        {"{.tasks[:-1].id}", "a b"},
        {"{.tasks[-5:1].id}", "a"},
        {"{.tasks[::2].id}", "a c"},
        {"{.tasks[0,2].id}", "a c"},
        {"{.tasks[0]['id','state']}", "a RUNNING"},
        {"{.tasks[0]['a.b']}", "1"},
        {"{.tasks[0].a\\.b}", "1"},
        {"{..key}", "x"},
        {"{.tasks[?(@.state==\"RUNNING\")].id}", "a c"},
        {"{.tasks[?(@.state!='RUNNING')].id}", "b"},
        {"{.tasks[?(@.cpus>=1)].id}", "b c"},
        {"{.tasks[?(@.cpus<1)].id}", "a"},
        {"{.tasks[?(@.up==true)].id}", "a"},
        {"{.tasks[?(@.labels)].id}", "a b"},
        {"{.tasks[?(@.labels[?(@.key=='x')])].id}", "a"},
        {"{.tasks[?(@.id==@.id)].id}", "a b c"},
        {"{.tasks[?(@.id==1)].id}", ""},
        {"{.nothing.at.all}", ""},
        {"{.tasks[1].labels}", "[]"},
        {"{.tasks[2]}", R"({"id":"c","state":"RUNNING","cpus":1})"},
        {"{range .tasks[*]}{.id}={.cpus}{\"\\n\"}{end}", "a=0.5\nb=2\nc=1\n"},
        {"{range .tasks[*]}{.id}/{$.limit} {end}.", "a/1 b/1 c/1 ."},
        {"{range .tasks[*]}{range .labels[*]}{.key}{end}{@.id}{end}", "xabc"},
        {"id: {.tasks[0].id}", "id: a"},
    };
    for (const auto& [text, found] : cases) EXPECT_EQ(evaluate(text), found) << text;
}

TEST(JsonPath, MistakesNameTheirColumn) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"{.a[}", "column 5"},
        {"{.a", "column 4"},
        {"{.a[0}", "column 6: ']'"},
        {"{.a[?(.x)]}", "column 7: '@'"},
        {"{.}x{", "column 6"},
        {"{range .a}{.b}", "'{end}' is expected"},
        {"{end}", "no range"},
        {"{.a[?(@.x==)]}", "column 12"},
        {"{.a[?(@.x==\"y)]}", "closing"},
        {"{.a[::0]}", "above 0"},
        {"{nonsense}", "column 2"},
        {".a b", "column 4"},
        {"", "a path is expected"},
        {"{..}", "a name is expected"},
    };
    for (const auto& [text, hint] : cases) {
        const auto path = JsonPath::parse(text);
        ASSERT_FALSE(path) << text;
        EXPECT_EQ(path.error().code, Errc::invalid_argument);
        EXPECT_THAT(path.error().text, HasSubstr(hint)) << text;
    }
}

TEST(JsonPath, DepthIsBounded) {
    std::string filters = "{";
    for (int i = 0; i < 5000; ++i) filters += ".a[?(@";
    EXPECT_THAT(evaluate(filters), HasSubstr("too many filters"));
    std::string ranges;
    for (int i = 0; i < 5000; ++i) ranges += "{range .a}";
    EXPECT_THAT(evaluate(ranges), HasSubstr("too many ranges"));
}

RC_GTEST_PROP(JsonPath, NoTextBreaksIt, ()) {
    const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
        std::vector<std::string>{"{",  "}", "[", "]",  ".", "..",    "*",      "?(",
                                 ")",  "@", "$", "==", "a", "tasks", "range ", "end",
                                 "\"", "'", "1", "-",  ":", ",",     "\\"}));
    std::string text;
    for (const std::string& word : words) text += word;
    evaluate(text);
}

TEST(OutputFormat, ReadsTheFlag) {
    EXPECT_EQ(OutputFormat::parse("yaml")->kind, OutputFormat::Kind::yaml);
    EXPECT_EQ(OutputFormat::parse("jsonpath={.a}")->kind, OutputFormat::Kind::jsonpath);
    EXPECT_THAT(OutputFormat::parse("xml").error().text, HasSubstr("'xml' is none of"));
    EXPECT_THAT(OutputFormat::parse("jsonpath={.a").error().text, HasSubstr("column"));
}

TEST(OutputFormat, ShowsJson) {
    const std::string json = R"([{"a":"1"},{"a":"x"}])";
    EXPECT_EQ(*format_json(*OutputFormat::parse("json"), json), json + "\n");
    EXPECT_EQ(*format_json(*OutputFormat::parse("yaml"), json), "- a: \"1\"\n- a: x\n");
    EXPECT_EQ(*format_json(*OutputFormat::parse("jsonpath={[*].a}"), json), "1 x\n");
}

}  // namespace
}  // namespace tepui::cli
