#include "cli/verbs/image_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/verbs/get_query.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;
using Phase = PullState::Phase;

constexpr const char* k_images = R"({"bytes": 100, "images": [
    {"name": "r/web:7", "state": "STORED", "digest": "sha256:0123456789abcdef0123", "layers": 5,
     "layers_ready": 5, "layers_shared": 3, "bytes": 100663296, "bytes_done": 100663296,
     "pulled_at": 1000, "used_at": 1900, "used_by": []},
    {"name": "r/busy:1", "state": "STORED", "digest": "sha256:ff", "layers": 1, "layers_shared": 0,
     "bytes": 1048576, "pulled_at": 1000, "used_at": 1000, "used_by": ["c1"]},
    {"name": "r/new:2", "state": "PULLING", "layers": 4, "layers_ready": 1, "layers_shared": 0,
     "bytes": 41943040, "bytes_done": 10485760, "used_by": []},
    {"name": "r/gone:1", "state": "FAILED", "error": "no such manifest", "layers": 0, "bytes": 0,
     "layers_shared": 0, "used_by": []}]})";

std::map<std::string, AgentAnswer> agents() {
    std::map<std::string, AgentAnswer> all;
    all["S1"] = {"box", "127.0.0.1:5051", parse_json(k_images)};
    all["S2"] = {"silent", "127.0.0.1:5052", fail(Errc::io, "no answer")};
    all["S3"] = {"empty", "127.0.0.1:5053", parse_json(R"({"bytes":0,"images":[]})")};
    return all;
}

std::string shown(const std::string& output) {
    const auto format = OutputFormat::parse(output);
    if (!format) return format.error().text;
    const bool wide = format->kind == OutputFormat::Kind::wide;
    const auto text = render_listing(list_images(agents(), 2000, wide), *format, false);
    return text ? *text : text.error().text;
}

TEST(ImageTables, ARowForEachImageOfEachAgent) {
    EXPECT_EQ(
        shown("table"),
        "NAME      DIGEST               AGENT  STATE        SIZE  LAYERS  SHARED  USED\n"
        "r/busy:1  sha256:ff            box    STORED        1MB       1       0  now\n"
        "r/gone:1                       box    FAILED        0MB       0       0\n"
        "r/new:2                        box    PULLING 25%  40MB       4       0\n"
        "r/web:7   sha256:0123456789ab  box    STORED       96MB       5       3  100s ago\n");
    EXPECT_THAT(shown("wide"), HasSubstr("no such manifest"));
    EXPECT_THAT(shown("wide"), HasSubstr("sha256:0123456789abcdef0123"));
    EXPECT_EQ(shown("name"), "r/busy:1\nr/gone:1\nr/new:2\nr/web:7\n");
    EXPECT_THAT(shown("json"), HasSubstr(R"("agent_id")"));
    EXPECT_THAT(shown("json"), HasSubstr(R"("hostname")"));
    EXPECT_THAT(shown("json"), HasSubstr(R"("layers_shared")"));
}

TEST(ImageTables, HowFarAPullIs) {
    const auto images = parse_json(k_images);
    ASSERT_TRUE(images);
    const PullState going = pull_state(*images, "r/new:2");
    EXPECT_EQ(going.phase, Phase::pulling);
    EXPECT_EQ(going.text, "1 of 4 layers, 10MB of 40MB");
    EXPECT_EQ(pull_state(*images, "r/web:7").phase, Phase::stored);
    EXPECT_EQ(pull_state(*images, "r/web:7").text, "sha256:0123456789abcdef0123, 5 layers, 96MB");
    EXPECT_EQ(pull_state(*images, "r/gone:1").phase, Phase::failed);
    EXPECT_EQ(pull_state(*images, "r/gone:1").text, "no such manifest");
    EXPECT_EQ(pull_state(*images, "r/other:1").phase, Phase::missing);
    EXPECT_EQ(pull_state(*parse_json("[1]"), "r/web:7").phase, Phase::missing);
}

TEST(ImageTables, AnImageThatIsPulledAnewIsNotThereYet) {
    const auto images = parse_json(R"({"images": [
        {"name": "a:1", "state": "STORED", "digest": "sha256:1", "layers": 1, "bytes": 1},
        {"name": "a:1", "state": "PULLING", "layers": 0, "bytes": 0}]})");
    ASSERT_TRUE(images);
    EXPECT_EQ(pull_state(*images, "a:1").phase, Phase::pulling);
    EXPECT_EQ(pull_state(*images, "a:1").text, "asking the registry");
    const auto failed = parse_json(R"({"images": [
        {"name": "a:1", "state": "STORED", "digest": "sha256:1", "layers": 1, "bytes": 1},
        {"name": "a:1", "state": "FAILED", "error": "denied", "layers": 0, "bytes": 0}]})");
    ASSERT_TRUE(failed);
    EXPECT_EQ(pull_state(*failed, "a:1").phase, Phase::failed) << "the old one is no success";
}

}  // namespace
}  // namespace tepui::cli
